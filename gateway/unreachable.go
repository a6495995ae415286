package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const unreachable = "the gateway does not reach the gRPC server behind it; its log says why"

// ofLibrary is in the text of an error that is no server's: the library's own words, which tell
// callers nothing that they can do, but addresses that are none of their business.
var ofLibrary = []string{
	"connection error: ",
	"name resolver error: ",
	"error reading from server: ",
	"closing transport due to: ",
}

// reach tells whether the server is reached: callers in plain words, the log why not, once until it
// is reached again.
type reach struct {
	address string
	overTLS bool

	mutex sync.Mutex
	lost  bool
}

// told is an error of a call in the words that are for its caller.
func (r *reach) told(err error) error {
	found, _ := status.FromError(err)
	isOurs := found.Code() == codes.Unavailable && len(found.Proto().GetDetails()) == 0 && containsAny(found.Message(), ofLibrary)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if isOurs && !r.lost {
		slog.Error("no connection to the server"+r.hint(found.Message()), "address", r.address, "error", found.Message())
	}
	r.lost = isOurs
	if isOurs {
		return status.Error(codes.Unavailable, unreachable)
	}
	return err
}

func (r *reach) hint(text string) string {
	switch {
	case !strings.Contains(text, "error reading server preface"):
		return ""
	case r.overTLS:
		return ": does it ask for a certificate (MYD_REST_CLIENT_CERT), signed by one in its MYD_TLS_CLIENT_CA?"
	default:
		return ": does it speak TLS (MYD_TLS_CA)?"
	}
}

func containsAny(text string, parts []string) bool {
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func (r *reach) unary(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	return r.told(invoke(ctx, method, request, answer, conn, options...))
}

func (r *reach) stream(ctx context.Context, description *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	opened, err := open(ctx, description, conn, method, options...)
	return reached{opened, r}, r.told(err)
}

// reached is a stream whose end is told in plain words, too.
type reached struct {
	grpc.ClientStream
	reach *reach
}

func (r reached) RecvMsg(message any) error {
	err := r.ClientStream.RecvMsg(message)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return r.reach.told(err)
}
