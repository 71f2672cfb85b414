/// The JSON Schema of the JSON report: the text of `docs/schema/report.schema.json`.
enum ReportSchema {
    static let text = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife report",
          "description": "What one run of imglife sync came to. Within version 1 keys are added, never changed.",
          "type": "object",
          "required": ["version", "run", "totals", "bytes", "rows"],
          "properties": {
            "version": { "const": 1 },
            "run": {
              "type": "object",
              "required": ["started", "duration_seconds", "dry_run", "status"],
              "properties": {
                "started": {
                  "description": "When it began, in UTC.",
                  "type": "string",
                  "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
                },
                "duration_seconds": { "type": "number", "minimum": 0 },
                "dry_run": {
                  "description": "Nothing was written; tags that would be copied count as synced.",
                  "type": "boolean"
                },
                "status": {
                  "description": "failure when a tag failed, or a hook whose failure is not ignored.",
                  "enum": ["success", "failure"]
                }
              }
            },
            "totals": {
              "description": "Tags, counted for each entry. managed is the sum of the others.",
              "type": "object",
              "required": ["managed", "synced", "up_to_date", "errors"],
              "properties": {
                "managed": { "$ref": "#/$defs/count" },
                "synced": { "$ref": "#/$defs/count" },
                "up_to_date": { "$ref": "#/$defs/count" },
                "errors": { "$ref": "#/$defs/count" }
              }
            },
            "bytes": {
              "description": "Those of the rows, and what was fetched to choose among tags that are not copied.",
              "$ref": "#/$defs/bytes"
            },
            "rows": {
              "description": "In the order of the configuration, and within an entry newest tag first.",
              "type": "array",
              "items": { "$ref": "#/$defs/row" }
            },
            "warnings": {
              "description": "What the choice of an entry's tags was warned of; absent when nothing.",
              "type": "array",
              "items": {
                "type": "object",
                "required": ["entry", "text"],
                "properties": {
                  "entry": { "description": "Its place in sync.entries, from 0.", "$ref": "#/$defs/count" },
                  "text": { "description": "One line.", "type": "string" }
                }
              }
            },
            "lifecycle": {
              "description": "How many of the tags whose life cycle is tracked are at its end.",
              "type": "object",
              "required": ["end_of_life", "ending_soon", "unknown"],
              "properties": {
                "end_of_life": { "$ref": "#/$defs/count" },
                "ending_soon": { "$ref": "#/$defs/count" },
                "unknown": { "description": "Nothing is known of their end.", "$ref": "#/$defs/count" },
                "warnings": {
                  "description": "What went wrong when the ends were asked for; absent when nothing. Names of codes are added.",
                  "type": "array",
                  "items": {
                    "type": "object",
                    "required": ["code", "product", "text"],
                    "properties": {
                      "code": {
                        "enum": [
                          "unknown-product", "unreachable", "unusable-answer", "unreadable-file", "unwritable-file"
                        ]
                      },
                      "product": { "description": "null when the data file is meant.", "type": ["string", "null"] },
                      "text": { "description": "One line.", "type": "string" }
                    }
                  }
                }
              }
            },
            "hooks": {
              "description": "In the order in which they ran; absent from the report that a hook itself is given.",
              "type": "array",
              "items": { "$ref": "#/$defs/hook" }
            }
          },
          "$defs": {
            "count": { "type": "integer", "minimum": 0 },
            "digest": {
              "description": "null when it was not learnt.",
              "type": ["string", "null"],
              "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"
            },
            "tag": {
              "description": "null when the entry failed before its tags were known.",
              "type": ["string", "null"],
              "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"
            },
            "bytes": {
              "description": "Fetched from upstream, read from the cache, mounted at the target, sent to the target.",
              "type": "object",
              "required": ["downloaded", "cached", "mounted", "pushed"],
              "properties": {
                "downloaded": { "$ref": "#/$defs/count" },
                "cached": { "$ref": "#/$defs/count" },
                "mounted": { "$ref": "#/$defs/count" },
                "pushed": { "$ref": "#/$defs/count" }
              }
            },
            "row": {
              "description": "One tag of one entry, or an entry that failed before its tags were known.",
              "type": "object",
              "required": [
                "entry", "source", "source_tag", "target", "target_tag", "status", "digest", "source_digest", "bytes",
                "reason"
              ],
              "properties": {
                "entry": { "description": "Its place in sync.entries, from 0.", "$ref": "#/$defs/count" },
                "source": { "description": "Host and repository.", "type": "string" },
                "source_tag": { "$ref": "#/$defs/tag" },
                "target": { "description": "Host and repository.", "type": "string" },
                "target_tag": { "$ref": "#/$defs/tag" },
                "status": { "enum": ["synced", "up-to-date", "failed"] },
                "digest": { "$ref": "#/$defs/digest" },
                "source_digest": { "$ref": "#/$defs/digest" },
                "bytes": { "$ref": "#/$defs/bytes" },
                "reason": {
                  "description": "Why it failed, or why nothing was done; one line.",
                  "type": ["string", "null"]
                },
                "planned_bytes": {
                  "description": "How large the image is that a run would copy; of dry runs alone.",
                  "type": "integer",
                  "minimum": 0
                },
                "drifted": {
                  "description": "Whether the target's tag differed from upstream's; absent when not compared.",
                  "type": "boolean"
                },
                "referrers": {
                  "description": "How many signatures, attestations and the like were copied with it; absent when none.",
                  "type": "integer",
                  "minimum": 1
                },
                "code": {
                  "description": "What kind of failure it was; absent when it did not fail. Names are added.",
                  "enum": [
                    "unauthorized", "forbidden", "not-found", "rate-limited", "unavailable", "timeout",
                    "connection", "certificate", "invalid-content", "digest-mismatch", "rejected",
                    "no-platform", "referrer", "conflict", "cache", "configuration", "other"
                  ]
                },
                "tries": {
                  "description": "How many tries the operation made that failed in the end; absent when not known.",
                  "type": "integer",
                  "minimum": 1
                },
                "duration_seconds": {
                  "description": "How long it took; absent for what was up to date.",
                  "type": "number",
                  "minimum": 0
                },
                "warnings": {
                  "description": "What a person should know of it, one line each; absent when nothing.",
                  "type": "array",
                  "items": { "type": "string" }
                }
              }
            },
            "hook": {
              "type": "object",
              "required": ["entry", "name", "status", "ignored", "reason"],
              "properties": {
                "entry": {
                  "description": "The entry that it belongs to, from 0; null for one that runs after all entries.",
                  "type": ["integer", "null"],
                  "minimum": 0
                },
                "name": { "description": "Its place in the configuration, with its entry's source.", "type": "string" },
                "status": { "enum": ["success", "failure", "skipped"] },
                "ignored": { "description": "It failed, and continue_on_error is set.", "type": "boolean" },
                "reason": { "description": "Why it failed.", "type": ["string", "null"] }
              }
            }
          }
        }

        """#
}
