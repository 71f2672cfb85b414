/// The JSON Schema of plans and lists: the text of `docs/schema/plan.schema.json`.
enum PlanSchema {
    static let text = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife plan",
          "description": "What a run would do: imglife plan --output json, and sync --list --output json. What is not known is left out. Within version 1 keys and words are added, never changed.",
          "type": "object",
          "required": ["version", "kind", "entries", "totals"],
          "properties": {
            "version": { "const": 1 },
            "kind": {
              "description": "list: the tags that are meant; plan: and what would be done with them, at what cost.",
              "enum": ["list", "plan"]
            },
            "entries": {
              "description": "In the order of the configuration.",
              "type": "array",
              "items": { "$ref": "#/$defs/entry" }
            },
            "hosts": {
              "description": "What all copies would ask of each registry, by name; of plans alone.",
              "type": "array",
              "items": { "$ref": "#/$defs/host" }
            },
            "totals": {
              "description": "Tags by what would be done with them, and what all copies cost.",
              "type": "object",
              "required": [
                "entries", "failed_entries", "copy", "referrers", "up_to_date", "compare", "undecided", "failed", "manifests",
                "download_bytes", "push_bytes", "mount_bytes"
              ],
              "properties": {
                "entries": { "$ref": "#/$defs/count" },
                "failed_entries": { "description": "Their tags are not known.", "$ref": "#/$defs/count" },
                "copy": { "$ref": "#/$defs/count" },
                "referrers": { "$ref": "#/$defs/count" },
                "up_to_date": { "$ref": "#/$defs/count" },
                "compare": { "$ref": "#/$defs/count" },
                "undecided": { "$ref": "#/$defs/count" },
                "failed": { "$ref": "#/$defs/count" },
                "manifests": { "$ref": "#/$defs/count" },
                "download_bytes": { "$ref": "#/$defs/count" },
                "push_bytes": { "$ref": "#/$defs/count" },
                "mount_bytes": { "$ref": "#/$defs/count" }
              }
            }
          },
          "$defs": {
            "count": { "type": "integer", "minimum": 0 },
            "tag": { "type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$" },
            "code": {
              "description": "What kind of failure it is. Names are added.",
              "enum": [
                "unauthorized", "forbidden", "not-found", "rate-limited", "unavailable", "timeout", "connection",
                "certificate", "invalid-content", "digest-mismatch", "rejected", "no-platform", "referrer", "conflict",
                "cache", "configuration", "other"
              ]
            },
            "entry": {
              "type": "object",
              "required": ["entry", "source", "target", "warnings", "tags"],
              "properties": {
                "entry": { "description": "Its place in sync.entries, from 0.", "$ref": "#/$defs/count" },
                "source": { "description": "Host and repository.", "type": "string" },
                "target": { "description": "Host and repository.", "type": "string" },
                "failure": {
                  "description": "Why its tags are not known; absent when they are.",
                  "type": "object",
                  "required": ["reason", "code"],
                  "properties": {
                    "reason": { "description": "One line.", "type": "string" },
                    "code": { "$ref": "#/$defs/code" }
                  }
                },
                "warnings": { "description": "One line each.", "type": "array", "items": { "type": "string" } },
                "explanation": {
                  "description": "Why the tag of --explain is selected or not, one line a rule.",
                  "type": "array",
                  "items": { "type": "string" }
                },
                "tags": {
                  "description": "Those that are selected, newest first.",
                  "type": "array",
                  "items": { "$ref": "#/$defs/decided" }
                }
              }
            },
            "decided": {
              "type": "object",
              "required": ["source_tag", "target_tag", "decision"],
              "properties": {
                "source_tag": { "$ref": "#/$defs/tag" },
                "target_tag": { "$ref": "#/$defs/tag" },
                "decision": {
                  "description": "referrers: the image is there, signatures and the like are not; compare: only manifests tell; undecided: nobody looked at the target.",
                  "enum": ["copy", "referrers", "up-to-date", "compare", "undecided", "failed"]
                },
                "reason": { "description": "Why it is copied, or fails; one line.", "type": "string" },
                "code": { "$ref": "#/$defs/code" },
                "digest": {
                  "description": "What the source's list says that the tag points at.",
                  "type": "string",
                  "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"
                },
                "platforms_unread": {
                  "description": "True where platforms are asked for and nobody has looked whether the image has them: a run may find some missing, or fail as it finds none. Absent otherwise.",
                  "const": true
                },
                "warnings": {
                  "description": "What a run would warn of, one line each; absent without any.",
                  "type": "array",
                  "items": { "type": "string" }
                },
                "cost": {
                  "description": "What the copy would cost beyond what is told before it in the document.",
                  "type": "object",
                  "required": ["basis", "manifests", "download_bytes", "push_bytes", "mount_bytes"],
                  "properties": {
                    "basis": {
                      "description": "manifests: exact; listing: the sizes of the source's list, with nothing subtracted; unknown: no bytes are told.",
                      "enum": ["manifests", "listing", "unknown"]
                    },
                    "manifests": {
                      "description": "To be read from the source; Docker Hub counts them as pulls.",
                      "$ref": "#/$defs/count"
                    },
                    "download_bytes": { "description": "What the cache lacks.", "$ref": "#/$defs/count" },
                    "push_bytes": { "description": "What the target lacks and cannot mount.", "$ref": "#/$defs/count" },
                    "mount_bytes": { "description": "What the target has elsewhere.", "$ref": "#/$defs/count" }
                  }
                }
              }
            },
            "host": {
              "type": "object",
              "required": ["host", "manifests", "download_bytes", "push_bytes", "mount_bytes", "unknown_tags", "is_exact"],
              "properties": {
                "host": { "type": "string" },
                "manifests": { "$ref": "#/$defs/count" },
                "download_bytes": { "$ref": "#/$defs/count" },
                "push_bytes": { "$ref": "#/$defs/count" },
                "mount_bytes": { "$ref": "#/$defs/count" },
                "unknown_tags": { "description": "Tags of which no bytes are told.", "$ref": "#/$defs/count" },
                "is_exact": { "description": "Whether each part is.", "type": "boolean" }
              }
            }
          }
        }

        """#
}
