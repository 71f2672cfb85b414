import ArgumentParser

/// `imglife schema`: tells editors and other programs what the files look like.
struct SchemaCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of the configuration, or of the report.",
        discussion: """
            Editors check and complete imglife.yaml with it; with yaml-language-server a first line such as
            '# yaml-language-server: $schema=imglife.schema.json' names the file.
            """
    )

    @ParentCommand var parent: Imglife

    @Flag(help: "The schema of what 'sync --output json' writes.")
    var report = false

    func run() async throws {
        try StandardOutput.write(Self.text(report: report))
    }

    static func text(report: Bool) -> String {
        report ? ReportSchema.text : ConfigurationSchema.text
    }
}
