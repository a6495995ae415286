package main

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

var (
	//go:embed live
	liveFiles embed.FS
	//go:embed gen/openapi.json
	openAPI []byte
)

const (
	uiPath = "/swagger-ui/"
	// uiHead makes Swagger UI fit a phone and follow the dark mode, for which it has nothing itself.
	uiHead = `<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  .pages { margin: 1em 20px 0; font: 1em sans-serif }
  @media (prefers-color-scheme: dark) {
    html { background: #fafafa; filter: invert(90%) hue-rotate(180deg) }
    .swagger-ui pre { filter: invert(100%) hue-rotate(180deg) }
  }
  @media (max-width: 40rem) { .swagger-ui .opblock-tag small { display: none } }
</style>`
	// uiRequest makes a token that was entered without it the header that it is, and says that it is the page
	// which calls. Swagger UI keeps the token in memory only.
	uiRequest = `(request) => {
		request.headers = { ...request.headers, "X-Requested-With": "myd" };
		const token = request.headers.Authorization;
		if (token && !/^bearer /i.test(token)) request.headers.Authorization = "Bearer " + token;
		return request;
	}`
	// uiResponse asks for a token when the server does.
	uiResponse = `(response) => {
		const open = document.querySelector(".dialog-ux");
		if (response.status === 401 && !open) document.querySelector(".scheme-container .authorize")?.click();
		return response;
	}`
	// policy lets a page load only what this server sends with it.
	policy = "default-src 'none'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; " +
		"form-action 'none'; frame-ancestors 'none'; "
)

// addPages serves the API's description, the page to try it, and the page of the jobs.
func addPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPI)
	})
	ui := v5emb.NewHandlerWithConfig(swgui.Config{
		Title:       "myd",
		SwaggerJSON: "/openapi.json",
		BasePath:    uiPath,
		AppendHead:  uiHead,
		PrependHTML: `<p class="pages"><a href="/jobs/live">Jobs, live</a></p>`,
		// What is tried here is small, and people look at what comes back, not at schemas.
		SettingsUI: map[string]string{
			"tryItOutEnabled": "true", "displayRequestDuration": "true",
			"requestInterceptor": uiRequest, "responseInterceptor": uiResponse,
		},
	})
	mux.Handle("GET /{$}", rendered(ui))
	mux.Handle("GET "+uiPath, ui)
	live, err := fs.Sub(liveFiles, "live")
	if err != nil {
		panic(err) // the directory is part of this program
	}
	allowed := policy + "script-src 'self'; style-src 'self'"
	mux.Handle("GET /jobs/live", withPolicy(allowed, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, live, "index.html")
	})))
	mux.Handle("GET /jobs/live/{$}", http.RedirectHandler("/jobs/live", http.StatusPermanentRedirect))
	mux.Handle("GET /jobs/live/", withPolicy(allowed, http.StripPrefix("/jobs/live/", http.FileServerFS(live))))
}

var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// rendered is the page of Swagger UI, which is always the same, with a policy that allows the
// scripts that are written into it and no others.
func rendered(ui http.Handler) http.Handler {
	page := httptest.NewRecorder()
	ui.ServeHTTP(page, httptest.NewRequest(http.MethodGet, uiPath, nil))
	text := page.Body.String()
	scripts := []string{"script-src 'self'"}
	for _, found := range inlineScript.FindAllStringSubmatch(text, -1) {
		sum := sha256.Sum256([]byte(found[1]))
		scripts = append(scripts, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	}
	allowed := policy + "style-src 'self' 'unsafe-inline'; " + strings.Join(scripts, " ")
	return withPolicy(allowed, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(text))
	}))
}

func withPolicy(allowed string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", allowed)
		w.Header().Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}
