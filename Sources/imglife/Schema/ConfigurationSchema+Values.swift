extension ConfigurationSchema {
    /// The values that several keys take; the last ones of the definitions.
    static let values = #"""
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

        """#
}
