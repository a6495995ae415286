package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

const unreachable = "the gateway does not reach the gRPC server behind it; its log says why"

// outcome is whether the server ended a call by itself. Any other end is told in the library's words,
// which tell callers nothing that they can do, but addresses that are none of their business.
type outcome struct{ byServer atomic.Bool }

type outcomeKey struct{}

// reach tells whether the server is reached: callers in plain words, the log why not, once until it
// is reached again.
type reach struct {
	address string
	overTLS bool

	mutex sync.Mutex
	lost  bool
}

// told is an error of a call in the words that are for its caller.
func (r *reach) told(err error, call *outcome) error {
	found, _ := status.FromError(err)
	isOurs := found.Code() == codes.Unavailable && !call.byServer.Load()
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
	case !isCutOff(text):
		return ""
	case r.overTLS:
		return ": does it ask for a certificate (MYD_REST_CLIENT_CERT), signed by one in its MYD_TLS_CLIENT_CA?"
	default:
		return ": does it speak TLS (MYD_TLS_CA)?"
	}
}

// isCutOff is whether a connection was taken and ended before a word of the server. Whether the
// library is reading or still writing its own first words by then is chance; what it writes last has
// no words of its own.
func isCutOff(text string) bool {
	return strings.Contains(text, "error reading server preface") ||
		strings.Contains(text, "transport: failed to write") ||
		strings.HasPrefix(text, "write ")
}

func (r *reach) unary(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	call := new(outcome)
	return r.told(invoke(context.WithValue(ctx, outcomeKey{}, call), method, request, answer, conn, options...), call)
}

func (r *reach) stream(ctx context.Context, description *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	call := new(outcome)
	opened, err := open(context.WithValue(ctx, outcomeKey{}, call), description, conn, method, options...)
	return reached{opened, r, call}, r.told(err, call)
}

// reached is a stream whose end is told in plain words, too.
type reached struct {
	grpc.ClientStream
	reach *reach
	call  *outcome
}

func (r reached) RecvMsg(message any) error {
	err := r.ClientStream.RecvMsg(message)
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return r.reach.told(err, r.call)
}

// ends notes which calls the server ends: only then is there a trailer of its own.
type ends struct{}

func (ends) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (ends) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if _, isTrailer := event.(*stats.InTrailer); !isTrailer {
		return
	}
	if call, isNoted := ctx.Value(outcomeKey{}).(*outcome); isNoted {
		call.byServer.Store(true)
	}
}

func (ends) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (ends) HandleConn(context.Context, stats.ConnStats) {}
