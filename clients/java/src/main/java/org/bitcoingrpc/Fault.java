package org.bitcoingrpc;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A status that bitcoin-grpc gave, with its details. docs/errors.md of bitcoin-grpc lists the reasons.
 *
 * @param code the status
 * @param message for people; it may change
 * @param reason empty if the status is not bitcoin-grpc's own
 * @param metadata facts that belong to the reason
 * @param violations what is wrong with which field of the request
 * @param retryAfter how long to wait before sending it again, if that helps
 */
public record Fault(
        Status.Code code,
        String message,
        String reason,
        Map<String, String> metadata,
        Map<String, String> violations,
        Optional<Duration> retryAfter) {

    /** Reads the details of what a stub threw. */
    public static Fault of(Throwable thrown) {
        com.google.rpc.Status said = StatusProto.fromThrowable(thrown);
        Status status = Status.fromThrowable(thrown);
        ErrorInfo info = ErrorInfo.getDefaultInstance();
        Map<String, String> violations = new TreeMap<>();
        Optional<Duration> retryAfter = Optional.empty();
        for (Any detail : said == null ? com.google.rpc.Status.getDefaultInstance().getDetailsList() : said.getDetailsList()) {
            info = unpacked(detail, ErrorInfo.class).orElse(info);
            unpacked(detail, BadRequest.class).ifPresent(bad ->
                    bad.getFieldViolationsList().forEach(v -> violations.put(v.getField(), v.getDescription())));
            retryAfter = unpacked(detail, RetryInfo.class)
                    .map(retry -> Duration.ofSeconds(retry.getRetryDelay().getSeconds(), retry.getRetryDelay().getNanos()))
                    .or(afterwards(retryAfter));
        }
        String message = Optional.ofNullable(status.getDescription()).orElse("");
        return new Fault(status.getCode(), message, info.getReason(), new TreeMap<>(info.getMetadataMap()), violations, retryAfter);
    }

    private static <T> java.util.function.Supplier<Optional<T>> afterwards(Optional<T> before) {
        return () -> before;
    }

    private static <T extends Message> Optional<T> unpacked(Any detail, Class<T> type) {
        try {
            return detail.is(type) ? Optional.of(detail.unpack(type)) : Optional.empty();
        } catch (InvalidProtocolBufferException broken) {
            return Optional.empty();
        }
    }
}
