extension ConfigurationSchema {
    /// The sections beside `sync`.
    static let sections = #"""
            "cache": {
              "description": "The content-addressed local cache.",
              "type": ["object", "null"],
              "additionalProperties": false,
              "properties": {
                "path": {
                  "description": "Its directory; a relative one lies beside this file. --cache-dir overrides it.",
                  "$ref": "#/$defs/text",
                  "default": "var/cache"
                },
                "max_size": {
                  "description": "Beyond 90 % of it the least recently used images are removed until 80 % are left: 50GiB. No limit by default.",
                  "$ref": "#/$defs/size"
                },
                "min_free": {
                  "description": "No download begins that would leave less free on the disk: 5GiB. 5 % and at least 1 GiB by default.",
                  "$ref": "#/$defs/size"
                }
              }
            },
            "registries": {
              "description": "How hosts are reached, by host[:port].",
              "type": ["object", "null"],
              "propertyNames": { "$ref": "#/$defs/host" },
              "additionalProperties": { "$ref": "#/$defs/registryOptions" }
            },
            "registry": {
              "description": "A section of sibling tools, of which two keys count; the others are ignored.",
              "type": ["object", "null"],
              "properties": {
                "insecure_registries": {
                  "description": "Hosts that are reached over plain HTTP.",
                  "type": ["array", "null"],
                  "items": { "$ref": "#/$defs/host" }
                },
                "url": {
                  "description": "When it starts with http:// its host is reached over plain HTTP."
                }
              }
            },
            "lifecycle": {
              "description": "Where end-of-life dates come from.",
              "type": ["object", "null"],
              "additionalProperties": false,
              "properties": {
                "eol_provider": {
                  "description": "endoflife asks the API and keeps its answers; local reads the data file alone.",
                  "type": ["string", "null"],
                  "enum": ["endoflife", "local", null],
                  "default": "endoflife"
                },
                "eol_data_file": {
                  "description": "The data file; a relative path lies beside this file.",
                  "$ref": "#/$defs/text",
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

        """#

    /// How one host is reached: what an entry of `registries` holds.
    static let registry = #"""
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
                  "$ref": "#/$defs/text"
                },
                "hub_api": {
                  "description": "The base URL of a Docker Hub API that lists this host's tags.",
                  "$ref": "#/$defs/baseURL"
                },
                "max_connections": {
                  "description": "At most so many connections at a time.",
                  "$ref": "#/$defs/connections"
                },
                "mirrors": {
                  "description": "Hosts that are asked first, in this order.",
                  "type": ["array", "null"],
                  "items": { "$ref": "#/$defs/host" }
                },
                "auth_realms": {
                  "description": "Hosts whose token services may be given the credentials for this one.",
                  "type": ["array", "null"],
                  "items": { "$ref": "#/$defs/host" }
                }
              }
            },

        """#
}
