package main

import (
	"context"
	"errors"
	"slices"
	"sync"

	"google.golang.org/grpc"
)

// mostCalls is how many calls share a connection: no server that can be set up refuses so many
// on one, and each of them would wait without a word for others to end.
const mostCalls = 100

// connections are those to the server, as many as its calls need: those of strangers, whom the server lets
// wait, must be in nobody's way. Nor must streams, which have connections of their own.
type connections struct {
	open func() (*grpc.ClientConn, error)

	mutex              sync.Mutex
	answering, streams []*shared
}

// shared is a connection with the number of its calls.
type shared struct {
	conn  *grpc.ClientConn
	calls int
}

// connect opens connections, each when there is a call for it.
func connect(open func() (*grpc.ClientConn, error)) (*connections, error) {
	first, err := open()
	return &connections{open: open, answering: []*shared{{conn: first}}}, err
}

// Invoke makes a call with one answer on a connection that has room for it.
func (c *connections) Invoke(ctx context.Context, method string, request, answer any, options ...grpc.CallOption) error {
	one, err := c.take(&c.answering)
	if err != nil {
		return err
	}
	defer c.leave(one)
	return one.conn.Invoke(ctx, method, request, answer, options...)
}

// NewStream begins a stream on a connection that has room for it.
func (c *connections) NewStream(ctx context.Context, description *grpc.StreamDesc, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	one, err := c.take(&c.streams)
	if err != nil {
		return nil, err
	}
	ended := grpc.OnFinish(func(error) { c.leave(one) })
	return one.conn.NewStream(ctx, description, method, append(options, ended)...)
}

// Close ends all connections.
func (c *connections) Close() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var err error
	for _, one := range slices.Concat(c.answering, c.streams) {
		err = errors.Join(err, one.conn.Close())
	}
	return err
}

// take finds or opens a connection for one more call.
func (c *connections) take(of *[]*shared) (*shared, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, one := range *of {
		if one.calls < mostCalls {
			one.calls++
			return one, nil
		}
	}
	conn, err := c.open()
	if err != nil {
		return nil, err
	}
	one := &shared{conn, 1}
	*of = append(*of, one)
	return one, nil
}

// leave frees a call's place. The connection stays: the library lets it go when it is not used.
func (c *connections) leave(one *shared) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	one.calls--
}
