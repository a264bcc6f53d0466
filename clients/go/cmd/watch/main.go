// Command watch prints the tip, looks a transaction up, shows an error, and follows new blocks until it is
// interrupted.
//
//	go run ./cmd/watch [ADDRESS [TXID]]
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"

	"bitcoingrpc"
	"bitcoingrpc/ipcv1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	address, txid := "localhost:50051", strings.Repeat("00", bitcoingrpc.HashSize)
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if len(os.Args) > 2 {
		txid = os.Args[2]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := watch(ctx, address, txid); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func watch(ctx context.Context, address, txid string) error {
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer channel.Close()
	chain := ipcv1.NewChainClient(channel)
	for _, step := range []func() error{
		func() error { return printTip(ctx, chain) },
		func() error { return lookUp(ctx, chain, txid) },
		func() error { showAnError(ctx, chain); return nil },
		func() error { return follow(ctx, chain) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func printTip(ctx context.Context, chain ipcv1.ChainClient) error {
	tip, err := chain.GetHeight(ctx, &ipcv1.ChainGetHeightRequest{})
	if err != nil {
		return err
	}
	block, err := chain.GetBlockHash(ctx, &ipcv1.ChainGetBlockHashRequest{Height: tip.GetHeight()})
	if err != nil {
		return err
	}
	fmt.Printf("the tip is %s at height %d\n", bitcoingrpc.Display(block.BlockHash), tip.GetHeight())
	return nil
}

func lookUp(ctx context.Context, chain ipcv1.ChainClient, txid string) error {
	hash, err := bitcoingrpc.Internal(txid)
	if err != nil {
		return err
	}
	reply, err := chain.IsInMempool(ctx, &ipcv1.ChainIsInMempoolRequest{Txid: hash})
	if err != nil {
		return err
	}
	verb := "is not in"
	if reply.InMempool {
		verb = "is in"
	}
	fmt.Println(txid, verb, "the mempool")
	return nil
}

func showAnError(ctx context.Context, chain ipcv1.ChainClient) {
	_, err := chain.GetBlockHash(ctx, &ipcv1.ChainGetBlockHashRequest{Height: 10_000_000})
	fault := bitcoingrpc.FaultOf(err)
	fmt.Printf("block 10000000: %s, %s: %s\n", fault.Code, fault.Reason, fault.Message)
}

func follow(ctx context.Context, chain ipcv1.ChainClient) error {
	kinds := []ipcv1.ChainNotificationKind{ipcv1.ChainNotificationKind_CHAIN_NOTIFICATION_KIND_BLOCK_CONNECTED}
	stream, err := chain.HandleNotifications(ctx, &ipcv1.ChainHandleNotificationsRequest{Kinds: kinds})
	if err != nil {
		return err
	}
	for {
		message, err := stream.Recv()
		if err != nil {
			fault := bitcoingrpc.FaultOf(err)
			return fmt.Errorf("the stream ended: %s %s: %s", fault.Code, fault.Reason, fault.Message)
		}
		if event := message.GetBlockConnected(); event != nil {
			block := event.GetBlock()
			fmt.Printf("block %s at height %d\n", bitcoingrpc.Display(block.GetHash()), block.GetHeight())
		}
	}
}
