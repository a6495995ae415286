package main

import (
	"context"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/grpclog"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	pb "myd.local/gateway/gen/myd/analysis/v1"
)

const (
	// callTimeout bounds a call that answers at once or not at all. A summary takes as long as its
	// file needs: the server has a limit of its own, and ends it when the caller leaves.
	callTimeout = 30 * time.Second
	// healthTimeout is less than those who ask for health wait: they are to be told.
	healthTimeout = 2 * time.Second
)

// dial connects to the gRPC server as soon as there is a call for it. When stopping ends, all
// streams do, so that they do not hold up the stop.
func dial(stopping context.Context, server credentials.TransportCredentials, behind *reach) (*grpc.ClientConn, error) {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)) // ours says what counts
	soonBack := backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second}
	return grpc.NewClient(
		behind.address,
		grpc.WithTransportCredentials(server),
		grpc.WithNoProxy(),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: soonBack, MinConnectTimeout: 5 * time.Second}),
		grpc.WithPerRPCCredentials(passedOn{}),
		grpc.WithStatsHandler(ends{}),
		grpc.WithChainUnaryInterceptor(limitTime, behind.unary),
		grpc.WithChainStreamInterceptor(endWith(stopping), behind.stream),
	)
}

// passedOn says of each call that it is somebody else's: the server then makes no caller of the
// gateway's certificate, which would be one for all who call by REST.
type passedOn struct{}

func (passedOn) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"myd-via": "gateway"}, nil
}

func (passedOn) RequireTransportSecurity() bool { return false }

func limitTime(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	limit := callTimeout
	switch method {
	case pb.AnalysisService_PreprocessShopping_FullMethodName:
		return invoke(ctx, method, request, answer, conn, options...)
	case healthpb.Health_Check_FullMethodName:
		limit = healthTimeout
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := invoke(limited, method, request, answer, conn, options...)
	if limit == healthTimeout && status.Code(err) == codes.DeadlineExceeded {
		return status.Error(codes.Unavailable, "the server does not answer")
	}
	return err
}

// endWith gives streams an end of their own when stopping ends.
func endWith(stopping context.Context) grpc.StreamClientInterceptor {
	return func(ctx context.Context, description *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
		ctx, cancel := context.WithCancel(ctx)
		forget := context.AfterFunc(stopping, cancel)
		context.AfterFunc(ctx, func() { forget() })
		opened, err := open(ctx, description, conn, method, options...)
		return upstream{opened, stopping}, err
	}
}

// upstream is a stream from the server.
type upstream struct {
	grpc.ClientStream
	stopping context.Context
}

// Header waits until the stream stands. One that was refused has no header, and is no stream yet to
// those who ask: they get the refusal.
func (u upstream) Header() (metadata.MD, error) {
	header, err := u.ClientStream.Header()
	if header == nil && err == nil {
		err = u.RecvMsg(new(emptypb.Empty))
	}
	return header, err
}

// RecvMsg tells the caller of a stop: that the stream was cancelled is true of this process only.
func (u upstream) RecvMsg(message any) error {
	err := u.ClientStream.RecvMsg(message)
	if u.stopping.Err() != nil && status.Code(err) == codes.Canceled {
		return status.Error(codes.Unavailable, "the gateway is stopping; resume with the last revision seen")
	}
	return err
}
