package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "myd.local/gateway/gen/myd/analysis/v1"
)

// operation is one way to call an rpc by REST, as the API's description has it.
type operation struct {
	// rpc is its name.
	rpc string
	// request is the rpc's request.
	request protoreflect.MessageDescriptor
	// hasBody says that the fields are in the body; else they are in the path and the query.
	hasBody bool
}

var (
	parameter = regexp.MustCompile(`{(\w+)}`)
	// again is what the description adds to the name of an rpc that it has had before.
	again = regexp.MustCompile(`\d+$`)
	// described are all operations by path and method.
	described = readOperations()
)

func readOperations() map[string]map[string]operation {
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
			Parameters  []struct{ In string }
		}
	}
	if err := json.Unmarshal(openAPI, &document); err != nil {
		panic(err) // the document is part of this program
	}
	rpcs := pb.File_myd_analysis_v1_analysis_proto.Services().Get(0).Methods()
	all := map[string]map[string]operation{}
	for path, operations := range document.Paths {
		all[path] = map[string]operation{}
		for method, one := range operations {
			rpc := rpcs.ByName(protoreflect.Name(again.ReplaceAllString(one.OperationID, "")))
			this := operation{rpc: string(rpc.Name()), request: rpc.Input()}
			for _, place := range one.Parameters {
				this.hasBody = this.hasBody || place.In == "body"
			}
			all[path][strings.ToUpper(method)] = this
		}
	}
	return all
}

// operationOf is the operation that a call has been routed to.
func operationOf(r *http.Request) (operation, bool) {
	pattern, _ := runtime.HTTPPattern(r.Context())
	for path, operations := range described {
		if parameter.ReplaceAllString(path, "{$1=*}") == pattern.String() {
			found, ok := operations[r.Method]
			return found, ok
		}
	}
	return operation{}, false
}

// allowedMethods lists what a path can be called with, as the header Allow does.
func allowedMethods(called string) string {
	methods := map[string]bool{}
	for path, operations := range described {
		shape := regexp.MustCompile("^" + parameter.ReplaceAllString(path, `[^/:]+`) + "$")
		for method := range operations {
			methods[method] = methods[method] || shape.MatchString(called)
		}
	}
	maps.DeleteFunc(methods, func(_ string, allowed bool) bool { return !allowed })
	if len(methods) == 0 {
		return http.MethodGet
	}
	return strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
}
