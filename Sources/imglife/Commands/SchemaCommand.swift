import ArgumentParser

/// `imglife schema`: tells editors and other programs what the files look like.
struct SchemaCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of the configuration, of the report, or of a plan.",
        discussion: """
            Editors check and complete imglife.yaml with it; with yaml-language-server a first line such as
            '# yaml-language-server: $schema=imglife.schema.json' names the file.
            """
    )

    @ParentCommand var parent: Imglife

    @Flag(help: "The schema of what 'sync --output json' writes.")
    var report = false

    @Flag(help: "The schema of what 'plan --output json' and 'sync --list --output json' write.")
    var plan = false

    func validate() throws {
        guard !report || !plan else { throw ValidationError("--report and --plan are two schemas: ask for one") }
    }

    func run() async throws {
        try StandardOutput.write(Self.text(report: report, plan: plan))
    }

    static func text(report: Bool = false, plan: Bool = false) -> String {
        report ? ReportSchema.text : plan ? PlanSchema.text : ConfigurationSchema.text
    }
}
