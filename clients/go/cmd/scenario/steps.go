package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"bitcoingrpc"
	"bitcoingrpc/ipcv1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

type client struct {
	chain  ipcv1.ChainClient
	echo   ipcv1.EchoClient
	mining ipcv1.MiningClient
	node   ipcv1.NodeClient
}

func newClient(channel grpc.ClientConnInterface) client {
	return client{
		chain:  ipcv1.NewChainClient(channel),
		echo:   ipcv1.NewEchoClient(channel),
		mining: ipcv1.NewMiningClient(channel),
		node:   ipcv1.NewNodeClient(channel),
	}
}

// steps gives, for each step, what carries it out.
func (c client) steps() map[string]func(step) error {
	return map[string]func(step) error{
		"echo":        c.echoText,
		"tip":         c.tip,
		"block":       c.block,
		"no_block":    func(s step) error { _, err := c.blockHash(s.Height); return err },
		"bad_txid":    c.badTxid,
		"not_granted": c.notGranted,
		"wait":        c.wait,
		"in_mempool":  c.inMempool,
		"send":        c.send,
		"follow":      c.follow,
	}
}

// call makes one call with a bound on its time.
func call[Q, R any](method func(context.Context, Q, ...grpc.CallOption) (R, error), request Q) (R, error) {
	return callWithin(within, method, request)
}

func callWithin[Q, R any](
	limit time.Duration, method func(context.Context, Q, ...grpc.CallOption) (R, error), request Q,
) (R, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return method(ctx, request)
}

func (c client) echoText(s step) error {
	reply, err := call(c.echo.Echo, &ipcv1.EchoEchoRequest{Echo: s.Text})
	if err == nil {
		fmt.Println("echo:", reply.Echo)
	}
	return err
}

func (c client) blockHash(height int32) ([]byte, error) {
	reply, err := call(c.chain.GetBlockHash, &ipcv1.ChainGetBlockHashRequest{Height: height})
	return reply.GetBlockHash(), err
}

func (c client) tip(step) error {
	reply, err := call(c.chain.GetHeight, &ipcv1.ChainGetHeightRequest{})
	if err != nil {
		return err
	}
	hash, err := c.blockHash(reply.GetHeight())
	if err == nil {
		fmt.Println("tip:", reply.GetHeight(), bitcoingrpc.Display(hash))
	}
	return err
}

func (c client) block(s step) error {
	hash, err := c.blockHash(s.Height)
	if err != nil {
		return err
	}
	wanted := &ipcv1.FoundBlockParam{WantHash: true, WantHeight: true, WantTime: true, WantMedianTimePast: true, WantData: true}
	reply, err := call(c.chain.FindBlock, &ipcv1.ChainFindBlockRequest{Hash: hash, Block: wanted})
	if err != nil {
		return err
	}
	block := reply.GetBlock()
	once := sha256.Sum256(block.GetData()[:80])
	header := sha256.Sum256(once[:])
	fmt.Printf("block %d: %s time=%d median_time_past=%d bytes=%d header=%s\n", block.GetHeight(),
		bitcoingrpc.Display(block.GetHash()), block.GetTime(), block.GetMedianTimePast(), len(block.GetData()),
		bitcoingrpc.Display(header[:]))
	return nil
}

func (c client) badTxid(s step) error {
	txid, err := hex.DecodeString(s.Txid)
	if err != nil {
		return err
	}
	_, err = call(c.chain.IsInMempool, &ipcv1.ChainIsInMempoolRequest{Txid: txid})
	return err
}

func (c client) notGranted(step) error {
	_, err := call(c.node.StartShutdown, &ipcv1.NodeStartShutdownRequest{})
	return err
}

func (c client) wait(s step) error {
	reply, err := call(c.mining.GetTip, &ipcv1.MiningGetTipRequest{})
	if err != nil {
		return err
	}
	request := &ipcv1.MiningWaitTipChangedRequest{CurrentTip: reply.GetTip().GetHash()}
	_, err = callWithin(time.Duration(s.DeadlineMs)*time.Millisecond, c.mining.WaitTipChanged, request)
	// Client and server race to say so; only the code is the same.
	fmt.Println("wait:", codeName(status.Code(err)))
	return nil
}

func (c client) inMempool(s step) error {
	txid, err := bitcoingrpc.Internal(s.Txid)
	if err != nil {
		return err
	}
	reply, err := call(c.chain.IsInMempool, &ipcv1.ChainIsInMempoolRequest{Txid: txid})
	if err == nil {
		fmt.Println("in_mempool:", reply.GetInMempool())
	}
	return err
}

func (c client) send(s step) error {
	tx, err := hex.DecodeString(s.Tx)
	if err != nil {
		return err
	}
	txid, err := bitcoingrpc.Internal(s.Txid)
	if err != nil {
		return err
	}
	verdict, err := call(c.chain.BroadcastTransaction, &ipcv1.ChainBroadcastTransactionRequest{Tx: tx, MaxTxFeeSat: 100_000})
	if err != nil {
		return err
	}
	entry, err := call(c.chain.GetTransactionAncestry, &ipcv1.ChainGetTransactionAncestryRequest{Txid: txid})
	if err == nil {
		fmt.Printf("send: accepted=%t ancestors=%d vsize=%d fees_sat=%d\n",
			verdict.Accepted, entry.AncestorCount, entry.AncestorVsize, entry.AncestorFeesSat)
	}
	return err
}

func (c client) follow(s step) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	kinds := []ipcv1.ChainNotificationKind{ipcv1.ChainNotificationKind_CHAIN_NOTIFICATION_KIND_BLOCK_CONNECTED}
	stream, err := c.chain.HandleNotifications(ctx, &ipcv1.ChainHandleNotificationsRequest{Kinds: kinds})
	if err != nil {
		return err
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	fmt.Println("follow: from", first.GetStarted().GetTipHeight(), bitcoingrpc.Display(first.GetStarted().GetTipHash()))
	for range s.Blocks {
		mine := &ipcv1.NodeExecuteRpcRequest{Method: "generatetodescriptor", Params: `[1, "raw(51)"]`}
		if _, err := call(c.node.ExecuteRpc, mine); err != nil {
			return err
		}
		message, err := stream.Recv()
		if err != nil {
			return err
		}
		block := message.GetBlockConnected().GetBlock()
		fmt.Printf("follow: %d %s on %s\n", block.GetHeight(), bitcoingrpc.Display(block.GetHash()), bitcoingrpc.Display(block.GetPrevHash()))
	}
	return nil
}
