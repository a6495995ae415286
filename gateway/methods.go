package main

import (
	"encoding/json"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

var parameter = regexp.MustCompile(`{\w+}`)

// allowedMethods lists what a path can be called with, as the header Allow does.
func allowedMethods(called string) string {
	var document struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(openAPI, &document); err != nil {
		panic(err) // the document is part of this program
	}
	for described, operations := range document.Paths {
		if matches, _ := path.Match(parameter.ReplaceAllString(described, "*"), called); matches {
			return strings.ToUpper(strings.Join(slices.Sorted(maps.Keys(operations)), ", "))
		}
	}
	return "GET"
}
