/// The JSON Schema of imglife.yaml: the text of `docs/schema/imglife.schema.json`, which `docs/schema/print` writes.
enum ConfigurationSchema {
    static let text =
        head + sync + sections + "  },\n  \"$defs\": {\n" + entry + registry + values + "  }\n}\n"

    /// What begins the document.
    private static let head = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "imglife.yaml",
          "description": "What imglife mirrors, from where, to where.",
          "type": "object",
          "minProperties": 1,
          "patternProperties": { "^x-": true },
          "additionalProperties": false,
          "properties": {

        """#

    /// The section that says what is mirrored.
    private static let sync = #"""
            "sync": {
              "description": "What is mirrored. Only commands that copy need it.",
              "type": ["object", "null"],
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

        """#
}
