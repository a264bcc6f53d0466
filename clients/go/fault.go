package bitcoingrpc

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Fault is a status that bitcoin-grpc gave, with its details. docs/errors.md of bitcoin-grpc lists the
// reasons.
type Fault struct {
	Code    codes.Code
	Message string
	// Reason is empty if the status is not bitcoin-grpc's own.
	Reason   string
	Metadata map[string]string
	// Violations tells what is wrong with which field of the request.
	Violations map[string]string
	// RetryAfter is how long to wait before sending it again, if that helps; 0 otherwise.
	RetryAfter time.Duration
}

// FaultOf reads the details of an error that a stub returned.
func FaultOf(err error) Fault {
	said := status.Convert(err)
	fault := Fault{Code: said.Code(), Message: said.Message(), Violations: map[string]string{}}
	for _, detail := range said.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fault.Reason, fault.Metadata = detail.Reason, detail.Metadata
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				fault.Violations[violation.Field] = violation.Description
			}
		case *errdetails.RetryInfo:
			fault.RetryAfter = detail.RetryDelay.AsDuration()
		}
	}
	return fault
}
