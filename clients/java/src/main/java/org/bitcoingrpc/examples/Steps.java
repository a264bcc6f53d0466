package org.bitcoingrpc.examples;

import bitcoin.ipc.v1.BlockInfo;
import bitcoin.ipc.v1.ChainBroadcastTransactionRequest;
import bitcoin.ipc.v1.ChainFindBlockRequest;
import bitcoin.ipc.v1.ChainGetBlockHashRequest;
import bitcoin.ipc.v1.ChainGetHeightRequest;
import bitcoin.ipc.v1.ChainGetTransactionAncestryRequest;
import bitcoin.ipc.v1.ChainGrpc;
import bitcoin.ipc.v1.ChainHandleNotificationsRequest;
import bitcoin.ipc.v1.ChainHandleNotificationsResponse;
import bitcoin.ipc.v1.ChainIsInMempoolRequest;
import bitcoin.ipc.v1.ChainNotificationKind;
import bitcoin.ipc.v1.EchoEchoRequest;
import bitcoin.ipc.v1.EchoGrpc;
import bitcoin.ipc.v1.FoundBlockParam;
import bitcoin.ipc.v1.MiningGetTipRequest;
import bitcoin.ipc.v1.MiningGrpc;
import bitcoin.ipc.v1.MiningWaitTipChangedRequest;
import bitcoin.ipc.v1.NodeExecuteRpcRequest;
import bitcoin.ipc.v1.NodeGrpc;
import bitcoin.ipc.v1.NodeStartShutdownRequest;
import com.google.gson.JsonObject;
import com.google.protobuf.ByteString;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.AbstractStub;
import java.io.PrintStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;
import org.bitcoingrpc.Hashes;

/** A method for each step of the scenario. */
final class Steps {
    private static final long WITHIN_S = 20;

    private final Channel channel;
    private final PrintStream out;

    Steps(Channel channel, PrintStream out) {
        this.channel = channel;
        this.out = out;
    }

    void carryOut(String name, JsonObject step) {
        switch (name) {
            case "echo" -> echo(step);
            case "tip" -> tip();
            case "block" -> block(step);
            case "no_block" -> blockHash(step.get("height").getAsInt());
            case "bad_txid" -> badTxid(step);
            case "not_granted" -> within(NodeGrpc.newBlockingStub(channel)).startShutdown(NodeStartShutdownRequest.getDefaultInstance());
            case "wait" -> waitForTip(step);
            case "in_mempool" -> inMempool(step);
            case "send" -> send(step);
            case "follow" -> follow(step);
            default -> throw new IllegalArgumentException("unknown step " + name);
        }
    }

    private static <S extends AbstractStub<S>> S within(S stub) {
        return stub.withDeadlineAfter(WITHIN_S, TimeUnit.SECONDS);
    }

    private ChainGrpc.ChainBlockingStub chain() {
        return within(ChainGrpc.newBlockingStub(channel));
    }

    private void echo(JsonObject step) {
        var request = EchoEchoRequest.newBuilder().setEcho(step.get("text").getAsString()).build();
        out.println("echo: " + within(EchoGrpc.newBlockingStub(channel)).echo(request).getEcho());
    }

    private ByteString blockHash(int height) {
        return chain().getBlockHash(ChainGetBlockHashRequest.newBuilder().setHeight(height).build()).getBlockHash();
    }

    private void tip() {
        int height = chain().getHeight(ChainGetHeightRequest.getDefaultInstance()).getHeight();
        out.printf("tip: %d %s%n", height, Hashes.display(blockHash(height)));
    }

    private void block(JsonObject step) {
        var wanted = FoundBlockParam.newBuilder().setWantHash(true).setWantHeight(true).setWantTime(true)
                .setWantMedianTimePast(true).setWantData(true);
        var request = ChainFindBlockRequest.newBuilder().setHash(blockHash(step.get("height").getAsInt())).setBlock(wanted).build();
        var block = chain().findBlock(request).getBlock();
        out.printf("block %d: %s time=%d median_time_past=%d bytes=%d header=%s%n",
                block.getHeight(), Hashes.display(block.getHash()), block.getTime(), block.getMedianTimePast(),
                block.getData().size(), Hashes.display(hash(block.getData().substring(0, 80))));
    }

    private static ByteString hash(ByteString data) {
        try {
            MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
            return ByteString.copyFrom(sha256.digest(sha256.digest(data.toByteArray())));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private void badTxid(JsonObject step) {
        chain().isInMempool(ChainIsInMempoolRequest.newBuilder().setTxid(bytes(step, "txid")).build());
    }

    private static ByteString bytes(JsonObject step, String name) {
        return ByteString.copyFrom(HexFormat.of().parseHex(step.get(name).getAsString()));
    }

    private void waitForTip(JsonObject step) {
        var mining = MiningGrpc.newBlockingStub(channel);
        var tip = within(mining).getTip(MiningGetTipRequest.getDefaultInstance()).getTip();
        var request = MiningWaitTipChangedRequest.newBuilder().setCurrentTip(tip.getHash()).build();
        try {
            mining.withDeadlineAfter(step.get("deadline_ms").getAsLong(), TimeUnit.MILLISECONDS).waitTipChanged(request);
        } catch (StatusRuntimeException error) {
            // Client and server race to say so; only the code is the same.
            out.println("wait: " + error.getStatus().getCode());
        }
    }

    private void inMempool(JsonObject step) {
        var request = ChainIsInMempoolRequest.newBuilder().setTxid(Hashes.internal(step.get("txid").getAsString())).build();
        out.println("in_mempool: " + chain().isInMempool(request).getInMempool());
    }

    private void send(JsonObject step) {
        var verdict = chain().broadcastTransaction(
                ChainBroadcastTransactionRequest.newBuilder().setTx(bytes(step, "tx")).setMaxTxFeeSat(100_000).build());
        var txid = Hashes.internal(step.get("txid").getAsString());
        var entry = chain().getTransactionAncestry(ChainGetTransactionAncestryRequest.newBuilder().setTxid(txid).build());
        out.printf("send: accepted=%b ancestors=%d vsize=%d fees_sat=%d%n", verdict.getAccepted(),
                entry.getAncestorCount(), entry.getAncestorVsize(), entry.getAncestorFeesSat());
    }

    private void follow(JsonObject step) {
        // A stream that is left early is cancelled with its context.
        Context.CancellableContext context = Context.current().withCancellation();
        context.run(() -> {
            try {
                followInContext(step.get("blocks").getAsInt());
            } finally {
                context.cancel(null);
            }
        });
    }

    private void followInContext(int blocks) {
        var request = ChainHandleNotificationsRequest.newBuilder()
                .addKinds(ChainNotificationKind.CHAIN_NOTIFICATION_KIND_BLOCK_CONNECTED)
                .build();
        Iterator<ChainHandleNotificationsResponse> stream = chain().handleNotifications(request);
        var started = stream.next().getStarted();
        out.printf("follow: from %d %s%n", started.getTipHeight(), Hashes.display(started.getTipHash()));
        var mine = NodeExecuteRpcRequest.newBuilder().setMethod("generatetodescriptor").setParams("[1, \"raw(51)\"]").build();
        for (int i = 0; i < blocks; i++) {
            within(NodeGrpc.newBlockingStub(channel)).executeRpc(mine);
            BlockInfo block = stream.next().getBlockConnected().getBlock();
            out.printf("follow: %d %s on %s%n", block.getHeight(), Hashes.display(block.getHash()), Hashes.display(block.getPrevHash()));
        }
    }
}
