package org.bitcoingrpc.examples;

import bitcoin.ipc.v1.BlockInfo;
import bitcoin.ipc.v1.ChainGetBlockHashRequest;
import bitcoin.ipc.v1.ChainGetHeightRequest;
import bitcoin.ipc.v1.ChainGrpc;
import bitcoin.ipc.v1.ChainGrpc.ChainBlockingStub;
import bitcoin.ipc.v1.ChainHandleNotificationsRequest;
import bitcoin.ipc.v1.ChainIsInMempoolRequest;
import bitcoin.ipc.v1.ChainNotificationKind;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import org.bitcoingrpc.Fault;
import org.bitcoingrpc.Hashes;

/** Prints the tip, looks a transaction up, shows an error, and follows new blocks until it is ended. */
public final class Watch {
    private Watch() {}

    /** Arguments: the address of bitcoin-grpc, and a transaction. */
    public static void main(String[] args) {
        String address = args.length > 0 ? args[0] : "localhost:50051";
        String txid = args.length > 1 ? args[1] : "00".repeat(Hashes.SIZE);
        ManagedChannel channel = Grpc.newChannelBuilder(address, InsecureChannelCredentials.create()).build();
        try {
            ChainBlockingStub chain = ChainGrpc.newBlockingStub(channel);
            printTip(chain);
            lookUp(chain, txid);
            showAnError(chain);
            follow(chain);
        } catch (StatusRuntimeException error) {
            System.err.println("the stream ended: " + Fault.of(error));
            System.exit(1);
        } finally {
            channel.shutdownNow();
        }
    }

    private static void printTip(ChainBlockingStub chain) {
        int height = chain.getHeight(ChainGetHeightRequest.getDefaultInstance()).getHeight();
        var request = ChainGetBlockHashRequest.newBuilder().setHeight(height).build();
        System.out.printf("the tip is %s at height %d%n", Hashes.display(chain.getBlockHash(request).getBlockHash()), height);
    }

    private static void lookUp(ChainBlockingStub chain, String txid) {
        var request = ChainIsInMempoolRequest.newBuilder().setTxid(Hashes.internal(txid)).build();
        System.out.printf("%s is %s the mempool%n", txid, chain.isInMempool(request).getInMempool() ? "in" : "not in");
    }

    private static void showAnError(ChainBlockingStub chain) {
        try {
            chain.getBlockHash(ChainGetBlockHashRequest.newBuilder().setHeight(10_000_000).build());
        } catch (StatusRuntimeException error) {
            Fault fault = Fault.of(error);
            System.out.printf("block 10000000: %s, %s: %s%n", fault.code(), fault.reason(), fault.message());
        }
    }

    private static void follow(ChainBlockingStub chain) {
        var request = ChainHandleNotificationsRequest.newBuilder()
                .addKinds(ChainNotificationKind.CHAIN_NOTIFICATION_KIND_BLOCK_CONNECTED)
                .build();
        chain.handleNotifications(request).forEachRemaining(message -> {
            if (message.hasBlockConnected()) {
                BlockInfo block = message.getBlockConnected().getBlock();
                System.out.printf("block %s at height %d%n", Hashes.display(block.getHash()), block.getHeight());
            }
        });
    }
}
