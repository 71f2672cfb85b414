/// The JSON Schema of imglife.yaml: the text of `docs/schema/imglife.schema.json`.
enum ConfigurationSchema {
    static let text = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife.yaml",
          "description": "What imglife mirrors, from where, to where.",
          "type": "object",
          "minProperties": 1,
          "patternProperties": { "^x-": true },
          "additionalProperties": false,
          "properties": {
            "sync": {
              "description": "What is mirrored. Only commands that copy need it.",
              "type": "object",
              "required": ["entries"],
              "additionalProperties": false,
              "properties": {
                "platforms": {
                  "description": "The platforms of every entry that names none itself. Empty copies everything.",
                  "$ref": "#/$defs/platforms",
                  "default": []
                },
                "hooks": {
                  "description": "What runs once, after all entries.",
                  "$ref": "#/$defs/hooks"
                },
                "entries": {
                  "description": "One for each upstream repository and target.",
                  "type": "array",
                  "minItems": 1,
                  "items": { "$ref": "#/$defs/entry" }
                }
              }
            },
            "cache": {
              "description": "The content-addressed local cache.",
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "path": {
                  "description": "Its directory; a relative one lies beside this file. --cache-dir overrides it.",
                  "type": "string",
                  "minLength": 1,
                  "default": "var/cache"
                },
                "max_size": {
                  "description": "Above it the least recently used blobs are removed: 50GiB. No limit by default.",
                  "oneOf": [
                    { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? ?([kKmMgGtTpP][iI]?)?[bB]?$" },
                    { "type": "integer", "minimum": 1 }
                  ]
                },
                "min_free": {
                  "description": "No download begins that would leave less free on the disk: 5GiB. 5 % and at least 1 GiB by default.",
                  "oneOf": [
                    { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? ?([kKmMgGtTpP][iI]?)?[bB]?$" },
                    { "type": "integer", "minimum": 1 }
                  ]
                }
              }
            },
            "registries": {
              "description": "How hosts are reached, by host[:port].",
              "type": "object",
              "propertyNames": { "$ref": "#/$defs/host" },
              "additionalProperties": { "$ref": "#/$defs/registryOptions" }
            },
            "registry": {
              "description": "A section of sibling tools, of which two keys count; the others are ignored.",
              "type": "object",
              "properties": {
                "insecure_registries": {
                  "description": "Hosts that are reached over plain HTTP.",
                  "type": "array",
                  "items": { "$ref": "#/$defs/host" }
                },
                "url": {
                  "description": "When it starts with http:// its host is reached over plain HTTP."
                }
              }
            },
            "lifecycle": {
              "description": "Where end-of-life dates come from.",
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "eol_provider": {
                  "description": "endoflife asks the API and keeps its answers; local reads the data file alone.",
                  "type": "string",
                  "enum": ["endoflife", "local"],
                  "default": "endoflife"
                },
                "eol_data_file": {
                  "description": "The data file; a relative path lies beside this file.",
                  "type": "string",
                  "minLength": 1,
                  "default": "eol-data.yaml"
                },
                "eol_url": {
                  "description": "The base URL of the API: {eol_url}/api/{product}.json.",
                  "$ref": "#/$defs/baseURL",
                  "default": "https://endoflife.date"
                }
              }
            },
            "build": { "description": "A section of sibling tools; ignored." },
            "retention": { "description": "A section of sibling tools; ignored." },
            "status": { "description": "A section of sibling tools; ignored." }
          },
          "$defs": {
            "entry": {
              "description": "One upstream repository, the tags of it that are wanted, and where they go.",
              "type": "object",
              "required": ["source", "target"],
              "oneOf": [
                { "required": ["tag"] },
                { "required": ["tag_regex"] }
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
                  "type": ["string", "number"],
                  "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"
                },
                "tag_regex": {
                  "description": "Every tag that this RE2 expression is found in; anchor it with ^ and $.",
                  "type": ["string", "number"],
                  "minLength": 1,
                  "maxLength": 1024
                },
                "tag_exclude": {
                  "description": "Of the tags that tag_regex picks, those are left out that this RE2 expression is found in.",
                  "type": ["string", "number"],
                  "minLength": 1,
                  "maxLength": 1024
                },
                "keep_last": {
                  "description": "Only so many of the newest matching tags are selected. Nothing is ever deleted.",
                  "type": "integer",
                  "minimum": 1
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
              "type": "object",
              "required": ["product"],
              "oneOf": [
                { "required": ["track"] },
                { "required": ["extract"] }
              ],
              "additionalProperties": false,
              "properties": {
                "product": {
                  "description": "The product's name at endoflife.date, such as alpine-linux.",
                  "type": "string",
                  "pattern": "^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$"
                },
                "track": {
                  "description": "What of a version names its cycle: minor, 3.21 of 3.21.3; major, 22 of 22.04.",
                  "type": "string",
                  "enum": ["minor", "major"]
                },
                "extract": {
                  "description": "The old name of track.",
                  "type": "string",
                  "enum": ["minor", "major"],
                  "deprecated": true
                }
              }
            },
            "hooks": {
              "type": "object",
              "additionalProperties": false,
              "properties": {
                "post_sync": {
                  "description": "Run in this order; after one that fails the others are skipped.",
                  "type": "array",
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
                  "type": "string",
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
            "registryOptions": {
              "type": ["object", "null"],
              "additionalProperties": false,
              "properties": {
                "endpoint": {
                  "description": "The base URL that is asked instead of the host itself.",
                  "$ref": "#/$defs/baseURL"
                },
                "plain_http": {
                  "description": "The host is reached over plain HTTP.",
                  "$ref": "#/$defs/boolean",
                  "default": false
                },
                "ca_file": {
                  "description": "A PEM file with authorities trusted besides the system's; relative to this file.",
                  "type": "string",
                  "minLength": 1
                },
                "hub_api": {
                  "description": "The base URL of a Docker Hub API that lists this host's tags.",
                  "$ref": "#/$defs/baseURL"
                },
                "max_connections": {
                  "description": "At most so many connections at a time.",
                  "type": "integer",
                  "minimum": 1
                },
                "mirrors": {
                  "description": "Hosts that are asked first, in this order.",
                  "type": "array",
                  "items": { "$ref": "#/$defs/host" }
                },
                "auth_realms": {
                  "description": "Hosts whose token services may be given the credentials for this one.",
                  "type": "array",
                  "items": { "$ref": "#/$defs/host" }
                }
              }
            },
            "platforms": {
              "type": "array",
              "items": {
                "description": "os/architecture or os/architecture/variant: linux/amd64, linux/arm/v7.",
                "type": "string",
                "pattern": "^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$"
              }
            },
            "repository": {
              "type": "string",
              "pattern": "^([^/@ ]+/)?[a-z0-9._-]+(/[a-z0-9._-]+)*$"
            },
            "host": {
              "type": "string",
              "pattern": "^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?$"
            },
            "baseURL": {
              "type": "string",
              "pattern": "^[hH][tT][tT][pP][sS]?://[^/?#@ ]+(/[^?# ]*)?$"
            },
            "duration": {
              "type": "string",
              "pattern": "^\\+?(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$"
            },
            "boolean": {
              "oneOf": [
                { "type": "boolean" },
                { "type": "string", "pattern": "^([tT][rR][uU][eE]|[yY][eE][sS]|[oO][nN])$" },
                { "type": "string", "pattern": "^([fF][aA][lL][sS][eE]|[nN][oO]|[oO][fF][fF])$" }
              ]
            }
          }
        }

        """#
}
