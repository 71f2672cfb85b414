extension ConfigurationSchema {
    /// An entry of `sync`, where every rule that selects tags has its key, and what stands in one.
    static let entry = #"""
            "entry": {
              "description": "One upstream repository, the tags of it that are wanted, and where they go.",
              "type": "object",
              "required": ["source", "target"],
              "oneOf": [
                { "required": ["tag"], "properties": { "tag": { "$ref": "#/$defs/scalar" } } },
                { "required": ["tag_regex"], "properties": { "tag_regex": { "$ref": "#/$defs/scalar" } } }
              ],
              "additionalProperties": false,
              "properties": {
                "source": {
                  "description": "The upstream repository, without tag or digest: docker.io/library/alpine.",
                  "$ref": "#/$defs/repository"
                },
                "target": {
                  "description": "Where it goes, without tag or digest: registry.example.com/mirrors/alpine.",
                  "$ref": "#/$defs/repository"
                },
                "tag": {
                  "description": "One fixed tag; that it is missing upstream is an error. Best in quotes: '3.20'.",
                  "type": ["string", "number", "boolean", "null"],
                  "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"
                },
                "tag_regex": {
                  "description": "Every tag that this RE2 expression is found in; anchor it with ^ and $.",
                  "type": ["string", "number", "boolean", "null"],
                  "minLength": 1,
                  "maxLength": 1024,
                  "pattern": "^[^\\n]*$"
                },
                "tag_exclude": {
                  "description": "Of the tags that tag_regex picks, those are left out that this RE2 expression is found in.",
                  "type": ["string", "number", "boolean", "null"],
                  "minLength": 1,
                  "maxLength": 1024,
                  "pattern": "^[^\\n]*$"
                },
                "keep_last": {
                  "description": "Only so many of the newest matching tags are selected. Nothing is ever deleted.",
                  "$ref": "#/$defs/count"
                },
                "os_normalize": {
                  "description": "Rename OS-variant tags at the target: alpine3.21 becomes 1.22-alpine3.21.",
                  "$ref": "#/$defs/boolean",
                  "default": false
                },
                "check_digest": {
                  "description": "Copy a tag that the target has again when its digest changed upstream.",
                  "$ref": "#/$defs/boolean",
                  "default": false
                },
                "platforms": {
                  "description": "Overrides sync.platforms; an empty list copies everything.",
                  "$ref": "#/$defs/platforms"
                },
                "lifecycle": {
                  "description": "Tells which product's end-of-life dates the tags are compared with.",
                  "$ref": "#/$defs/tracking"
                },
                "hooks": {
                  "description": "What runs after the last tag of this entry, also when tags failed.",
                  "$ref": "#/$defs/hooks"
                },
                "referrers": {
                  "description": "Also mirror the signatures, attestations and SBOMs of what is copied.",
                  "$ref": "#/$defs/boolean",
                  "default": false
                }
              }
            },
            "tracking": {
              "type": ["object", "null"],
              "required": ["product"],
              "oneOf": [
                { "type": "null" },
                {
                  "type": "object",
                  "required": ["track"],
                  "properties": { "track": { "$ref": "#/$defs/scalar" } }
                },
                {
                  "type": "object",
                  "required": ["extract"],
                  "properties": { "extract": { "$ref": "#/$defs/scalar" } }
                }
              ],
              "additionalProperties": false,
              "properties": {
                "product": {
                  "description": "The product's name at endoflife.date, such as alpine-linux.",
                  "type": ["string", "number", "boolean"],
                  "pattern": "^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$"
                },
                "track": {
                  "description": "What of a version names its cycle: minor, 3.21 of 3.21.3; major, 22 of 22.04.",
                  "type": ["string", "null"],
                  "enum": ["minor", "major", null]
                },
                "extract": {
                  "description": "The old name of track.",
                  "type": ["string", "null"],
                  "enum": ["minor", "major", null],
                  "deprecated": true
                }
              }
            },
            "hooks": {
              "type": ["object", "null"],
              "additionalProperties": false,
              "properties": {
                "post_sync": {
                  "description": "Run in this order; after one that fails the others are skipped.",
                  "type": ["array", "null"],
                  "items": { "$ref": "#/$defs/hook" }
                }
              }
            },
            "hook": {
              "type": "object",
              "required": ["cmd"],
              "additionalProperties": false,
              "properties": {
                "cmd": {
                  "description": "Runs as /bin/sh -c; see the IMGLIFE_ variables for what it is told.",
                  "$ref": "#/$defs/scalar",
                  "minLength": 1
                },
                "timeout": {
                  "description": "Its processes are ended after this time: 30s, 1m30s.",
                  "$ref": "#/$defs/duration",
                  "default": "60s"
                },
                "continue_on_error": {
                  "description": "A failure is no error, and the next hook runs.",
                  "$ref": "#/$defs/boolean",
                  "default": false
                }
              }
            },

        """#
}
