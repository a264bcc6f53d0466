// Package bitcoingrpc helps with what every client of bitcoin-grpc meets: the byte order of hashes, and
// the details of errors. Messages and stubs are in package ipcv1, which is generated:
//
//	go generate ./...
package bitcoingrpc

//go:generate buf generate

import (
	"encoding/hex"
	"fmt"
	"slices"
)

// HashSize is the length of a hash in bytes.
const HashSize = 32

// Display gives a hash as explorers and bitcoin-cli show it: in hexadecimal, and reversed. In all
// messages hashes are in internal byte order.
func Display(hash []byte) string {
	reversed := slices.Clone(hash)
	slices.Reverse(reversed)
	return hex.EncodeToString(reversed)
}

// Internal gives the bytes, in internal order, of a hash that is written as explorers show it.
func Internal(display string) ([]byte, error) {
	hash, err := hex.DecodeString(display)
	if err != nil {
		return nil, fmt.Errorf("not a hash: %w", err)
	}
	if len(hash) != HashSize {
		return nil, fmt.Errorf("not a hash: %d bytes, not %d", len(hash), HashSize)
	}
	slices.Reverse(hash)
	return hash, nil
}
