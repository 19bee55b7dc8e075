// Asks, searches, uploads a PDF, follows the job and verifies with the types that openapi-typescript made and the client
// openapi-fetch. `make clients` checks it with tsc and runs it with the address of a server, a token and a PDF.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import createClient from "openapi-fetch";
import type { components, paths } from "./pincite.js";

const [address, token, path] = process.argv.slice(2) as [string, string, string];
const client = createClient<paths>({ baseUrl: address, headers: { Authorization: `Bearer ${token}` } });

function must(truth: boolean, said: string): asserts truth {
  if (!truth) throw new Error(said);
}

const asked = await client.POST("/v1/ask", {
  body: {
    question: "Why did Armenia recall its ambassador to Israel?",
    explain: false,
    filters: { language: ["en", "de"] },
  },
});
must(asked.data !== undefined && asked.data.answers.length > 0, "ask");
const found = await client.POST("/v1/search", { body: { query: "drones", top_k: 2 } });
must(found.data?.passages.length === 2, "search");

const form = new FormData();
form.append("files", new Blob([readFileSync(path)], { type: "application/pdf" }), basename(path));
const sent = await client.POST("/v1/files", { body: { files: [] }, bodySerializer: () => form });
let job: components["schemas"]["Job"] | undefined = sent.data;
while (job !== undefined && job.finished_at === null) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  job = (await client.GET("/v1/jobs/{job_id}", { params: { path: { job_id: job.id } } })).data;
}
must(job?.status === "done" && job.files[0]?.outcome !== "failed", "job");

const lamp = await client.POST("/v1/ask", {
  body: { question: "How much oil did the lamp of Marrowick burn?", top_k: 1, explain: false },
});
const citation = lamp.data?.answers[0]?.citation;
must(lamp.data !== undefined && citation?.page_number === 1, "page");
const text = await client.GET("/v1/documents/{document_id}/text", {
  params: { path: { document_id: citation.document_id }, query: citation.document_offset },
});
must(text.data?.text === lamp.data.answers[0]?.answer, "text");
const verified = await client.POST("/v1/verify", { body: lamp.data });
must(verified.data?.sound === true, "verify");
