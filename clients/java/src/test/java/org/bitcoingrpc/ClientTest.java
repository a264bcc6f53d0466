package org.bitcoingrpc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import bitcoin.ipc.v1.ChainGetBlockHashRequest;
import bitcoin.ipc.v1.ChainGetHeightRequest;
import bitcoin.ipc.v1.ChainGrpc;
import bitcoin.ipc.v1.ChainGrpc.ChainBlockingStub;
import bitcoin.ipc.v1.ChainHandleNotificationsRequest;
import bitcoin.ipc.v1.ChainIsInMempoolRequest;
import com.google.protobuf.ByteString;
import io.grpc.Context;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Against a running {@code bitcoin-grpc demo}, at BITCOIN_GRPC_ADDRESS. */
class ClientTest {
    /** The first block of every regtest chain (Bitcoin Core, kernel/chainparams.cpp). */
    private static final String GENESIS = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206";

    private final ManagedChannel channel = channel(Optional.ofNullable(System.getenv("BITCOIN_GRPC_ADDRESS")).orElse("localhost:50051"));
    private final ChainBlockingStub chain = ChainGrpc.newBlockingStub(channel).withDeadlineAfter(20, TimeUnit.SECONDS);

    private static ManagedChannel channel(String address) {
        return Grpc.newChannelBuilder(address, InsecureChannelCredentials.create()).build();
    }

    @AfterEach
    void close() {
        channel.shutdownNow();
    }

    private ByteString blockHash(int height) {
        return chain.getBlockHash(ChainGetBlockHashRequest.newBuilder().setHeight(height).build()).getBlockHash();
    }

    @Test
    void aHashIsShownAsExplorersShowIt() {
        assertEquals(GENESIS, Hashes.display(blockHash(0)));
        assertEquals(blockHash(0), Hashes.internal(GENESIS));
    }

    @Test
    void whatIsNoHashIsRefused() {
        for (String text : List.of("", GENESIS.substring(2), GENESIS + "00", "x".repeat(64))) {
            assertThrows(IllegalArgumentException.class, () -> Hashes.internal(text), text);
        }
    }

    @Test
    void aFaultTellsItsReason() {
        Fault fault = Fault.of(assertThrows(StatusRuntimeException.class, () -> blockHash(10_000_000)));
        assertEquals(Status.Code.OUT_OF_RANGE, fault.code());
        assertEquals("HEIGHT_ABOVE_TIP", fault.reason());
        assertEquals("10000000", fault.metadata().get("height"));
    }

    @Test
    void aFaultNamesTheField() {
        var request = ChainIsInMempoolRequest.newBuilder().setTxid(ByteString.copyFromUtf8("short")).build();
        Fault fault = Fault.of(assertThrows(StatusRuntimeException.class, () -> chain.isInMempool(request)));
        assertEquals(Set.of("txid"), fault.violations().keySet());
    }

    @Test
    void aFaultOfTheChannelHasNoReason() {
        // Port 1 of this machine has no server.
        ManagedChannel nowhere = channel("127.0.0.1:1");
        var stub = ChainGrpc.newBlockingStub(nowhere).withDeadlineAfter(20, TimeUnit.SECONDS);
        Fault fault = Fault.of(assertThrows(StatusRuntimeException.class, () -> stub.getHeight(ChainGetHeightRequest.getDefaultInstance())));
        nowhere.shutdownNow();
        assertEquals(Status.Code.UNAVAILABLE, fault.code());
        assertEquals("", fault.reason());
    }

    @Test
    void aStreamBeginsWithTheTip() {
        Context.CancellableContext context = Context.current().withCancellation();
        context.run(() -> {
            var first = chain.handleNotifications(ChainHandleNotificationsRequest.getDefaultInstance()).next();
            assertEquals(1, first.getSequence());
            assertEquals(blockHash(first.getStarted().getTipHeight()), first.getStarted().getTipHash());
        });
        context.cancel(null);
    }
}
