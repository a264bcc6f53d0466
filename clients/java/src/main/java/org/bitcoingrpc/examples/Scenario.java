package org.bitcoingrpc.examples;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.bitcoingrpc.Fault;

/** Carries out clients/scenario.json and prints what came of it, as the clients of all languages do. */
public final class Scenario {
    private Scenario() {}

    /** Arguments: the address of bitcoin-grpc, and the scenario's path. */
    public static void main(String[] args) throws IOException {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        JsonObject scenario = new Gson().fromJson(Files.readString(Path.of(args[1])), JsonObject.class);
        ManagedChannel channel = Grpc.newChannelBuilder(args[0], InsecureChannelCredentials.create()).build();
        try {
            Steps steps = new Steps(channel, out);
            for (JsonElement step : scenario.getAsJsonArray("steps")) {
                carryOut(steps, step.getAsJsonObject(), out);
            }
        } finally {
            channel.shutdownNow();
        }
    }

    private static void carryOut(Steps steps, JsonObject step, PrintStream out) {
        String name = step.get("step").getAsString();
        try {
            steps.carryOut(name, step);
        } catch (StatusRuntimeException error) {
            out.println(told(name, Fault.of(error)));
        }
    }

    private static String told(String name, Fault fault) {
        StringBuilder line = new StringBuilder(name + ": " + fault.code() + " " + fault.reason());
        fault.metadata().forEach((key, value) -> line.append(" ").append(key).append("=").append(value));
        fault.violations().forEach((field, text) -> line.append(" ").append(field).append(": ").append(text));
        return line.toString();
    }
}
