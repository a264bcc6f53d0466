package bitcoingrpc_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"bitcoingrpc"
	"bitcoingrpc/ipcv1"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
)

// genesis is the first block of every regtest chain (Bitcoin Core, kernel/chainparams.cpp).
const genesis = "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"

// connect gives a client of the running demo at BITCOIN_GRPC_ADDRESS.
func connect(t *testing.T) (context.Context, ipcv1.ChainClient) {
	t.Helper()
	address := os.Getenv("BITCOIN_GRPC_ADDRESS")
	if address == "" {
		address = "localhost:50051"
	}
	return connectTo(t, address)
}

func connectTo(t *testing.T, address string) (context.Context, ipcv1.ChainClient) {
	t.Helper()
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(func() { cancel(); channel.Close() })
	return ctx, ipcv1.NewChainClient(channel)
}

func TestAHashIsShownAsExplorersShowIt(t *testing.T) {
	ctx, chain := connect(t)
	reply, err := chain.GetBlockHash(ctx, &ipcv1.ChainGetBlockHashRequest{Height: 0})
	if err != nil {
		t.Fatal(err)
	}
	if shown := bitcoingrpc.Display(reply.BlockHash); shown != genesis {
		t.Error(shown)
	}
	internal, err := bitcoingrpc.Internal(genesis)
	if err != nil || string(internal) != string(reply.BlockHash) {
		t.Error(internal, err)
	}
}

func TestWhatIsNoHashIsRefused(t *testing.T) {
	for _, text := range []string{"", genesis[2:], genesis + "00", strings.Repeat("x", 64)} {
		if hash, err := bitcoingrpc.Internal(text); err == nil {
			t.Error(text, hash)
		}
	}
}

func TestAFaultTellsItsReason(t *testing.T) {
	ctx, chain := connect(t)
	_, err := chain.GetBlockHash(ctx, &ipcv1.ChainGetBlockHashRequest{Height: 10_000_000})
	fault := bitcoingrpc.FaultOf(err)
	if fault.Code != codes.OutOfRange || fault.Reason != "HEIGHT_ABOVE_TIP" || fault.Metadata["height"] != "10000000" {
		t.Errorf("%+v", fault)
	}
}

func TestAFaultNamesTheField(t *testing.T) {
	ctx, chain := connect(t)
	_, err := chain.IsInMempool(ctx, &ipcv1.ChainIsInMempoolRequest{Txid: []byte("short")})
	fault := bitcoingrpc.FaultOf(err)
	if fault.Code != codes.InvalidArgument || len(fault.Violations) != 1 || fault.Violations["txid"] == "" {
		t.Errorf("%+v", fault)
	}
}

func TestAFaultOfTheChannelHasNoReason(t *testing.T) {
	ctx, chain := connectTo(t, "unix:/nowhere/at/all.sock")
	_, err := chain.GetHeight(ctx, &ipcv1.ChainGetHeightRequest{})
	if fault := bitcoingrpc.FaultOf(err); fault.Code != codes.Unavailable || fault.Reason != "" {
		t.Errorf("%+v", fault)
	}
}

func TestAStreamBeginsWithTheTip(t *testing.T) {
	ctx, chain := connect(t)
	stream, err := chain.HandleNotifications(ctx, &ipcv1.ChainHandleNotificationsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	tip, err := chain.GetBlockHash(ctx, &ipcv1.ChainGetBlockHashRequest{Height: first.GetStarted().GetTipHeight()})
	if err != nil {
		t.Fatal(err)
	}
	if first.Sequence != 1 || string(tip.BlockHash) != string(first.GetStarted().TipHash) {
		t.Error(first, tip)
	}
}
