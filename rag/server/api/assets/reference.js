// Shows the OpenAPI document of this service by Swagger UI or ReDoc. If the service asks for a token, the page asks for
// it too, and keeps it in memory only.
"use strict";

const ADDRESS = "/v1/openapi.json";
const field = document.getElementById("token");
const message = document.getElementById("message");
const headers = () => (field.value ? { Authorization: `Bearer ${field.value}` } : {});

function show(spec) {
  const element = document.getElementById("reference");
  if (typeof Redoc !== "undefined") {
    Redoc.init(spec, { disableSearch: false, hideDownloadButton: true }, element);
    return;
  }
  SwaggerUIBundle({
    spec,
    domNode: element,
    validatorUrl: null,
    requestInterceptor: (request) => {
      Object.assign(request.headers, headers());
      return request;
    },
  });
}

async function load() {
  const response = await fetch(ADDRESS, { headers: headers() });
  const content = await response.json();
  document.getElementById("access").hidden = response.ok;
  message.textContent = response.ok ? "" : `${content.detail} ${content.remedy}`;
  if (response.ok) show(content);
}

document.getElementById("access").addEventListener("submit", (event) => {
  event.preventDefault();
  load();
});
load();
