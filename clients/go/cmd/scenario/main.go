// Command scenario carries out clients/scenario.json and prints what came of it, as the clients of all
// languages do.
//
//	go run ./cmd/scenario ADDRESS SCENARIO.json
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"bitcoingrpc"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
)

// within bounds every call.
const within = 20 * time.Second

// step is one of the scenario's, with the parameters of all kinds.
type step struct {
	Step       string `json:"step"`
	Text       string `json:"text"`
	Height     int32  `json:"height"`
	Txid       string `json:"txid"`
	Tx         string `json:"tx"`
	DeadlineMs int64  `json:"deadline_ms"`
	Blocks     int    `json:"blocks"`
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("scenario ADDRESS SCENARIO.json")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(address, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var scenario struct {
		Steps []step `json:"steps"`
	}
	if err := json.Unmarshal(text, &scenario); err != nil {
		return err
	}
	channel, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer channel.Close()
	client := newClient(channel)
	for _, step := range scenario.Steps {
		carryOut, known := client.steps()[step.Step]
		if !known {
			return fmt.Errorf("unknown step %q", step.Step)
		}
		if err := carryOut(step); err != nil {
			fmt.Println(told(step.Step, bitcoingrpc.FaultOf(err)))
		}
	}
	return nil
}

func told(name string, fault bitcoingrpc.Fault) string {
	words := []string{name + ":", codeName(fault.Code), fault.Reason}
	for _, key := range slices.Sorted(maps.Keys(fault.Metadata)) {
		words = append(words, key+"="+fault.Metadata[key])
	}
	for _, field := range slices.Sorted(maps.Keys(fault.Violations)) {
		words = append(words, field+": "+fault.Violations[field])
	}
	return strings.Join(words, " ")
}

// codeName is the code as the gRPC specification writes it; Go's own names are spelt otherwise.
func codeName(code codes.Code) string {
	names := map[codes.Code]string{
		codes.InvalidArgument:  "INVALID_ARGUMENT",
		codes.DeadlineExceeded: "DEADLINE_EXCEEDED",
		codes.PermissionDenied: "PERMISSION_DENIED",
		codes.OutOfRange:       "OUT_OF_RANGE",
	}
	if name, known := names[code]; known {
		return name
	}
	return code.String()
}
