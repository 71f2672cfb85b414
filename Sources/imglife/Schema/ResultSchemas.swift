/// The JSON Schemas of what other commands print: the texts of `docs/schema/`.
enum ResultSchemas {
    static let inspect = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife inspect",
          "description": "What 'imglife inspect --output json' prints. Within version 1 keys are added, never changed.",
          "type": "object",
          "required": [
            "version", "reference", "digest", "media_type", "is_whole", "names", "sources", "annotations",
            "manifests", "referrers", "history"
          ],
          "properties": {
            "version": { "const": 1 },
            "reference": { "type": "string" },
            "digest": { "$ref": "#/$defs/digest" },
            "media_type": { "type": "string" },
            "is_whole": { "description": "Whether all of it is in the cache.", "type": "boolean" },
            "names": { "description": "All names of this digest.", "type": "array", "items": { "type": "string" } },
            "sources": {
              "description": "The repositories that it was fetched from.",
              "type": "array",
              "items": { "type": "string" }
            },
            "stored_at": { "$ref": "#/$defs/time" },
            "last_use": { "$ref": "#/$defs/time" },
            "annotations": { "$ref": "#/$defs/texts" },
            "manifests": {
              "description": "An index's children in their order, or the only manifest.",
              "type": "array",
              "items": { "$ref": "#/$defs/manifest" }
            },
            "referrers": {
              "type": "array",
              "items": {
                "description": "A signature, an attestation and the like.",
                "type": "object",
                "required": ["subject", "digest", "media_type", "size"],
                "properties": {
                  "subject": { "$ref": "#/$defs/digest" },
                  "digest": { "$ref": "#/$defs/digest" },
                  "media_type": { "type": "string" },
                  "artifact_type": { "type": "string" },
                  "size": { "$ref": "#/$defs/count" }
                }
              }
            },
            "history": {
              "description": "What the tag stood for, the latest first.",
              "type": "array",
              "items": {
                "type": "object",
                "required": ["digest", "since"],
                "properties": {
                  "digest": { "$ref": "#/$defs/digest" },
                  "since": { "$ref": "#/$defs/time" },
                  "until": { "description": "Absent while it still does.", "$ref": "#/$defs/time" }
                }
              }
            }
          },
          "$defs": {
            "count": { "type": "integer", "minimum": 0 },
            "digest": { "type": "string", "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$" },
            "time": { "description": "Seconds since 1970.", "type": "integer" },
            "texts": { "type": "object", "additionalProperties": { "type": "string" } },
            "manifest": {
              "type": "object",
              "required": ["digest", "media_type", "size", "is_whole"],
              "properties": {
                "digest": { "$ref": "#/$defs/digest" },
                "media_type": { "type": "string" },
                "size": { "$ref": "#/$defs/count" },
                "platform": { "description": "Absent for an artifact.", "type": "string" },
                "is_whole": { "type": "boolean" },
                "bytes": {
                  "description": "Of its config and layers; absent, as what follows, where the manifest is not in the cache.",
                  "$ref": "#/$defs/count"
                },
                "created": { "description": "As its config says.", "type": "string" },
                "layers": {
                  "type": "array",
                  "items": {
                    "type": "object",
                    "required": ["digest", "media_type", "size", "is_here"],
                    "properties": {
                      "digest": { "$ref": "#/$defs/digest" },
                      "media_type": { "type": "string" },
                      "size": { "$ref": "#/$defs/count" },
                      "is_here": { "type": "boolean" }
                    }
                  }
                },
                "labels": { "$ref": "#/$defs/texts" }
              }
            }
          }
        }

        """#

    static let eol = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife eol",
          "description": "What 'imglife eol --output json' prints. Within version 1 keys are added, never changed.",
          "type": "object",
          "required": ["version", "date", "failures", "rows"],
          "properties": {
            "version": { "const": 1 },
            "date": {
              "description": "The day that it is of.",
              "type": "string",
              "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
            },
            "failures": {
              "description": "Entries whose target could not be listed.",
              "type": "array",
              "items": {
                "type": "object",
                "required": ["source", "target", "reason"],
                "properties": {
                  "source": { "type": "string" },
                  "target": { "type": "string" },
                  "reason": { "type": "string" }
                }
              }
            },
            "rows": {
              "type": "array",
              "items": {
                "type": "object",
                "required": [
                  "source", "target", "tag", "product", "cycle", "status", "eol", "days_left", "newest",
                  "newest_date", "newest_in_cycle", "stale"
                ],
                "properties": {
                  "source": { "type": "string" },
                  "target": { "type": "string" },
                  "tag": { "type": "string" },
                  "product": { "type": "string" },
                  "cycle": { "type": ["string", "null"] },
                  "status": { "type": "string" },
                  "eol": {
                    "description": "A day, or whether it has ended; null when that is not known.",
                    "type": ["string", "boolean", "null"]
                  },
                  "days_left": { "type": ["integer", "null"] },
                  "newest": { "type": ["string", "null"] },
                  "newest_date": { "type": ["string", "null"] },
                  "newest_in_cycle": { "type": ["boolean", "null"] },
                  "stale": { "description": "From the last copy of the data.", "type": "boolean" }
                }
              }
            }
          }
        }

        """#

    static let version = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife version",
          "description": "What 'imglife version --output json' prints. Within version 1 keys are added, never changed.",
          "type": "object",
          "required": ["version", "imglife", "commit", "swift", "libraries"],
          "properties": {
            "version": { "const": 1 },
            "imglife": { "type": "string" },
            "commit": { "description": "null where the build did not say.", "type": ["string", "null"] },
            "swift": { "type": "string" },
            "libraries": { "type": "object", "additionalProperties": { "type": "string" } }
          }
        }

        """#
}
