/// The JSON Schemas of what the commands print that carry images across the air gap: the texts of `docs/schema/`.
enum ArchiveSchemas {
    static let exported = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife export",
          "description": "What 'imglife export --output json' prints. Within version 1 keys are added, never changed.",
          "type": "object",
          "required": ["version", "archives", "images", "written", "omitted", "downloaded_bytes"],
          "properties": {
            "version": { "const": 1 },
            "archives": {
              "type": "array",
              "items": {
                "type": "object",
                "required": ["file", "bytes", "was_there"],
                "properties": {
                  "file": { "type": "string" },
                  "bytes": { "$ref": "#/$defs/count" },
                  "was_there": { "description": "An earlier run had written it.", "type": "boolean" }
                }
              }
            },
            "images": {
              "type": "array",
              "items": {
                "type": "object",
                "required": ["reference", "digest"],
                "properties": { "reference": { "type": "string" }, "digest": { "$ref": "#/$defs/digest" } }
              }
            },
            "written": { "$ref": "#/$defs/blobs" },
            "omitted": { "description": "What the other side holds.", "$ref": "#/$defs/blobs" },
            "downloaded_bytes": { "$ref": "#/$defs/count" },
            "set": { "description": "The set of volumes; absent for a single archive.", "type": "string" }
          },
          "$defs": {
            "count": { "type": "integer", "minimum": 0 },
            "digest": { "type": "string", "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$" },
            "blobs": {
              "type": "object",
              "required": ["blobs", "bytes"],
              "properties": { "blobs": { "$ref": "#/$defs/count" }, "bytes": { "$ref": "#/$defs/count" } }
            }
          }
        }

        """#

    static let imported = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife import",
          "description": "What 'imglife import --output json' prints. Within version 1 keys are added, never changed.",
          "type": "object",
          "required": ["version", "archives"],
          "properties": {
            "version": { "const": 1 },
            "archives": { "type": "array", "items": { "$ref": "#/$defs/archive" } }
          },
          "$defs": {
            "count": { "type": "integer", "minimum": 0 },
            "digest": { "type": "string", "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$" },
            "archive": {
              "type": "object",
              "required": [
                "file", "images", "skipped", "unusable", "replaced", "unnamed", "unnamed_digests", "foreign", "blobs",
                "bytes", "present_blobs"
              ],
              "properties": {
                "file": { "type": "string" },
                "error": { "description": "Why it was refused; absent when it was not.", "type": "string" },
                "images": {
                  "type": "array",
                  "items": {
                    "type": "object",
                    "required": ["reference", "digest", "status"],
                    "properties": {
                      "reference": { "type": "string" },
                      "digest": { "$ref": "#/$defs/digest" },
                      "status": { "enum": ["added", "moved", "unchanged", "waiting"] },
                      "previous": { "description": "What the name stood for before.", "type": "string" },
                      "absent_platforms": {
                        "description": "Those that the archive's index names and the archive lacks.",
                        "type": "array",
                        "items": { "type": "string" }
                      }
                    }
                  }
                },
                "skipped": {
                  "description": "Names that --only leaves out.",
                  "type": "array",
                  "items": { "type": "string" }
                },
                "unusable": {
                  "description": "Names of what refers to images and was left out: it is not whole or cannot be used.",
                  "type": "array",
                  "items": { "type": "string" }
                },
                "replaced": {
                  "description": "Names that --as took the place of.",
                  "type": "array",
                  "items": {
                    "type": "object",
                    "required": ["name", "reference"],
                    "properties": {
                      "name": { "description": "As the archive writes it.", "type": "string" },
                      "reference": { "description": "What it is called instead.", "type": "string" }
                    }
                  }
                },
                "unnamed": { "$ref": "#/$defs/count" },
                "unnamed_digests": { "type": "array", "items": { "$ref": "#/$defs/digest" } },
                "foreign": { "description": "Entries that are no images.", "$ref": "#/$defs/count" },
                "blobs": { "$ref": "#/$defs/count" },
                "bytes": { "$ref": "#/$defs/count" },
                "present_blobs": { "$ref": "#/$defs/count" },
                "volumes": {
                  "description": "What is still awaited; absent when nothing.",
                  "type": "object",
                  "required": ["set", "count", "missing"],
                  "properties": {
                    "set": { "type": "string" },
                    "count": { "$ref": "#/$defs/count" },
                    "missing": { "type": "array", "items": { "$ref": "#/$defs/count" } }
                  }
                },
                "set": { "type": "string" }
              }
            }
          }
        }

        """#
}
