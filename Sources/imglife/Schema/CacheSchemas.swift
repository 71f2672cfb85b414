/// The JSON Schemas of what the commands print that look after the cache: the texts of `docs/schema/`.
enum CacheSchemas {
    static let cacheStats = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife cache stats",
          "description": "What 'imglife cache stats --output json' prints. Within version 1 keys are added, never changed.",
          "type": "object",
          "required": [
            "version", "path", "tags", "blobs", "bytes", "logical_bytes", "saved_bytes", "unreferenced_bytes",
            "partials", "partial_bytes", "staged", "staged_bytes", "quarantined", "quarantined_bytes",
            "minimum_free_bytes"
          ],
          "properties": {
            "version": { "const": 1 },
            "path": { "description": "The cache's directory.", "type": "string" },
            "tags": { "$ref": "#/$defs/count" },
            "digests": { "description": "By which clients have pulled images.", "$ref": "#/$defs/count" },
            "blobs": { "$ref": "#/$defs/count" },
            "bytes": { "description": "Of all blobs.", "$ref": "#/$defs/count" },
            "logical_bytes": {
              "description": "What the images of all names would take if nothing were shared.",
              "$ref": "#/$defs/count"
            },
            "saved_bytes": { "description": "What sharing saves.", "$ref": "#/$defs/count" },
            "unreferenced_bytes": { "description": "What nothing refers to.", "$ref": "#/$defs/count" },
            "partials": { "description": "Interrupted downloads.", "$ref": "#/$defs/count" },
            "partial_bytes": { "$ref": "#/$defs/count" },
            "staged": { "description": "Blobs of unfinished imports.", "$ref": "#/$defs/count" },
            "staged_bytes": { "$ref": "#/$defs/count" },
            "quarantined": { "description": "Damaged blobs that were put aside.", "$ref": "#/$defs/count" },
            "quarantined_bytes": { "$ref": "#/$defs/count" },
            "limit_bytes": { "description": "cache.max_size; absent where none is set.", "$ref": "#/$defs/count" },
            "free_bytes": {
              "description": "Free on the disk; absent where the system does not tell.",
              "$ref": "#/$defs/count"
            },
            "minimum_free_bytes": { "description": "What downloads leave free.", "$ref": "#/$defs/count" },
            "last_verification": {
              "description": "Absent when the cache was never verified to the end.",
              "type": "object",
              "required": ["ended_at", "blobs", "bad", "is_whole"],
              "properties": {
                "ended_at": { "$ref": "#/$defs/time" },
                "blobs": { "$ref": "#/$defs/count" },
                "bad": { "description": "Damaged or missing, and not repaired at once.", "$ref": "#/$defs/count" },
                "is_whole": { "description": "Whether no part was left out.", "type": "boolean" }
              }
            },
            "restored": {
              "description": "Absent when the index was never lost.",
              "type": "object",
              "required": ["restored_at", "source", "lost_names"],
              "properties": {
                "restored_at": { "$ref": "#/$defs/time" },
                "source": { "type": "string" },
                "lost_names": {
                  "description": "Tags that could not be restored.",
                  "type": "array",
                  "items": { "type": "string" }
                }
              }
            }
          },
          "$defs": {
            "count": { "type": "integer", "minimum": 0 },
            "time": { "description": "Seconds since 1970.", "type": "integer" }
          }
        }

        """#

    static let cacheList = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife cache ls",
          "description": "What 'imglife cache ls --output json' prints. Within version 1 keys are added, never changed.",
          "type": "object",
          "required": ["version", "images"],
          "properties": {
            "version": { "const": 1 },
            "images": { "type": "array", "items": { "$ref": "#/$defs/image" } }
          },
          "$defs": {
            "count": { "type": "integer", "minimum": 0 },
            "digest": { "type": "string", "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$" },
            "time": { "description": "Seconds since 1970.", "type": "integer" },
            "image": {
              "type": "object",
              "required": [
                "references", "digest", "media_type", "platforms", "unique_bytes", "shared_bytes", "last_use"
              ],
              "properties": {
                "references": { "description": "All names of the image; a tag is that of the newer of two.", "type": "array", "items": { "type": "string" } },
                "digest": { "$ref": "#/$defs/digest" },
                "media_type": { "type": "string" },
                "platforms": {
                  "description": "Of what is here; empty for artifacts.",
                  "type": "array",
                  "items": { "type": "string" }
                },
                "unique_bytes": {
                  "description": "What removing it, with all of its names, would free.",
                  "$ref": "#/$defs/count"
                },
                "shared_bytes": { "description": "What other images need too.", "$ref": "#/$defs/count" },
                "last_use": { "$ref": "#/$defs/time" }
              }
            }
          }
        }

        """#

    static let cacheVerify = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife cache verify",
          "description": "What 'imglife cache verify --output json' prints. Within version 1 keys are added, never changed.",
          "type": "object",
          "required": ["version", "blobs", "bytes", "skipped", "bad"],
          "properties": {
            "version": { "const": 1 },
            "blobs": { "description": "Hashed by this verification.", "$ref": "#/$defs/count" },
            "bytes": { "$ref": "#/$defs/count" },
            "skipped": {
              "description": "Hashed by the verification that this one continued.",
              "$ref": "#/$defs/count"
            },
            "stopped": {
              "description": "Why it did not come to the end; absent when it did.",
              "enum": ["duration", "failing_disk"]
            },
            "bad": { "type": "array", "items": { "$ref": "#/$defs/finding" } },
            "repaired": { "description": "Of the bad ones; absent without --repair.", "$ref": "#/$defs/count" },
            "unrepaired": {
              "description": "Those that tags still lack; absent without --repair.",
              "$ref": "#/$defs/count"
            }
          },
          "$defs": {
            "count": { "type": "integer", "minimum": 0 },
            "digest": { "type": "string", "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$" },
            "finding": {
              "type": "object",
              "required": ["digest", "fault", "affected"],
              "properties": {
                "digest": { "$ref": "#/$defs/digest" },
                "fault": { "enum": ["damaged", "missing"] },
                "affected": {
                  "description": "The names whose images need it.",
                  "type": "array",
                  "items": { "type": "string" }
                },
                "outcome": {
                  "description": "Absent without --repair.",
                  "enum": ["repaired", "unrepaired", "unneeded"]
                },
                "detail": { "description": "Where it was fetched from, or why it was not.", "type": "string" }
              }
            }
          }
        }

        """#

    static let cacheCollect = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife cache gc",
          "description": "What 'imglife cache gc --output json' prints. Within version 1 keys are added, never changed.",
          "type": "object",
          "required": [
            "version", "dry_run", "blobs", "bytes", "partials", "partial_bytes", "quarantined", "quarantined_bytes",
            "evicted", "remaining_bytes", "in_grace"
          ],
          "properties": {
            "version": { "const": 1 },
            "dry_run": { "description": "Nothing was removed; the rest tells what would be.", "type": "boolean" },
            "blobs": { "description": "Removed.", "$ref": "#/$defs/count" },
            "bytes": { "$ref": "#/$defs/count" },
            "partials": { "description": "Interrupted downloads that were given up.", "$ref": "#/$defs/count" },
            "partial_bytes": { "$ref": "#/$defs/count" },
            "quarantined": {
              "description": "Damaged files that had been put aside and went because their room was wanted.",
              "$ref": "#/$defs/count"
            },
            "quarantined_bytes": { "$ref": "#/$defs/count" },
            "evicted": {
              "description": "The names that went to keep the limit, the least recently used first.",
              "type": "array",
              "items": { "type": "string" }
            },
            "remaining_bytes": { "description": "Of all blobs that are left.", "$ref": "#/$defs/count" },
            "in_grace": {
              "description": "What nothing needs any more and is kept because it was used lately.",
              "type": "object",
              "required": ["blobs", "bytes"],
              "properties": {
                "blobs": { "$ref": "#/$defs/count" },
                "bytes": { "$ref": "#/$defs/count" },
                "until": {
                  "description": "When a collection can have all of it; absent when there is nothing.",
                  "$ref": "#/$defs/time"
                }
              }
            }
          },
          "$defs": {
            "count": { "type": "integer", "minimum": 0 },
            "time": { "description": "Seconds since 1970.", "type": "integer" }
          }
        }

        """#

    static let cacheRemove = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife cache rm",
          "description": "What 'imglife cache rm --output json' prints. Within version 1 keys are added, never changed.",
          "type": "object",
          "required": ["version", "dry_run", "removed", "missing"],
          "properties": {
            "version": { "const": 1 },
            "dry_run": { "description": "Nothing was removed; the rest tells what would be.", "type": "boolean" },
            "removed": { "description": "Names.", "type": "array", "items": { "type": "string" } },
            "missing": {
              "description": "What was asked for and is not in the cache.",
              "type": "array",
              "items": { "type": "string" }
            },
            "in_grace": {
              "description": "What nothing needs any more and is kept because it was used lately. Absent in a dry run.",
              "type": "object",
              "required": ["blobs", "bytes"],
              "properties": {
                "blobs": { "$ref": "#/$defs/count" },
                "bytes": { "$ref": "#/$defs/count" },
                "until": {
                  "description": "When a collection can have all of it; absent when there is nothing.",
                  "$ref": "#/$defs/time"
                }
              }
            }
          },
          "$defs": {
            "count": { "type": "integer", "minimum": 0 },
            "time": { "description": "Seconds since 1970.", "type": "integer" }
          }
        }

        """#
}
