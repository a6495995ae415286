package main

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
)

var parameter = regexp.MustCompile(`\\\{\w+\\\}`)

// described maps each path of the OpenAPI document, as a regular expression, to its methods.
var described = sync.OnceValue(func() map[*regexp.Regexp]string {
	var document struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(openAPI, &document); err != nil {
		panic(err) // the document is part of this program
	}
	found := map[*regexp.Regexp]string{}
	for path, operations := range document.Paths {
		pattern := parameter.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`)
		methods := strings.Join(slices.Sorted(maps.Keys(operations)), ", ")
		found[regexp.MustCompile("^"+pattern+"$")] = strings.ToUpper(methods)
	}
	return found
})

// allowedMethods lists what a path can be called with, as the header Allow does.
func allowedMethods(path string) string {
	for pattern, methods := range described() {
		if pattern.MatchString(path) {
			return methods
		}
	}
	return "GET"
}
