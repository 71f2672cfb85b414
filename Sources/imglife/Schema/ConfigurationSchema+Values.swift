extension ConfigurationSchema {
    /// The values that several keys take; the last ones of the definitions.
    ///
    /// A key without a value counts as missing, and a scalar as its text, whatever YAML would read it as.
    static let values = #"""
            "scalar": { "type": ["string", "number", "boolean"] },
            "text": { "type": ["string", "number", "boolean", "null"], "minLength": 1, "pattern": "^[^\\n]*$" },
            "count": {
              "oneOf": [
                { "type": "integer", "minimum": 1 },
                { "type": "string", "pattern": "^0*[1-9][0-9]*$" },
                { "type": "null" }
              ]
            },
            "connections": {
              "oneOf": [
                { "type": "integer", "minimum": 1, "maximum": 10000 },
                { "type": "string", "pattern": "^0*([1-9][0-9]{0,3}|10000)$" },
                { "type": "null" }
              ]
            },
            "size": {
              "oneOf": [
                {
                  "type": "string",
                  "pattern": "^(?=.*[1-9])[0-9]+(\\.[0-9]+)? ?([kKmMgGtTpPeE][iI]?)?[bB]?$"
                },
                { "type": "number", "minimum": 1 },
                { "type": "null" }
              ]
            },
            "platforms": {
              "type": ["array", "null"],
              "items": {
                "description": "os/architecture or os/architecture/variant: linux/amd64, linux/arm/v7.",
                "type": "string",
                "pattern": "^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)?$"
              }
            },
            "repository": {
              "type": ["string", "number", "boolean"],
              "pattern": "^(([A-Za-z0-9][A-Za-z0-9.-]*|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?/)?[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*)*$"
            },
            "host": {
              "type": ["string", "number", "boolean"],
              "pattern": "^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*)(:0*[1-9][0-9]{0,4})?$"
            },
            "baseURL": {
              "type": ["string", "null"],
              "pattern": "^[hH][tT][tT][pP][sS]?://[^/?#@ ]+(/[^?# ]*)?$"
            },
            "duration": {
              "type": ["string", "null"],
              "pattern": "^(?=.*[1-9])\\+?(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$"
            },
            "boolean": {
              "oneOf": [
                { "type": "boolean" },
                { "type": "null" },
                { "type": "string", "pattern": "^([tT][rR][uU][eE]|[yY][eE][sS]|[oO][nN])$" },
                { "type": "string", "pattern": "^([fF][aA][lL][sS][eE]|[nN][oO]|[oO][fF][fF])$" }
              ]
            }

        """#
}
