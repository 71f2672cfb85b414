import ArgumentParser

/// `imglife schema`: tells editors and other programs what the files look like.
struct SchemaCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract: "Print the JSON Schema of the configuration, or of what a command prints.",
        discussion: """
            Editors check and complete imglife.yaml with it; with yaml-language-server a first line such as \
            '# yaml-language-server: $schema=imglife.schema.json' names the file.
            """
    )

    /// What there is a schema of; each stands in `docs/schema/` too.
    enum Document: String, CaseIterable, ExpressibleByArgument {
        case configuration
        case report
        case plan
        case cacheStats = "cache-stats"
        case cacheList = "cache-ls"
        case cacheVerify = "cache-verify"
        case cacheCollect = "cache-gc"
        case cacheRemove = "cache-rm"
        case inspect
        case eol
        case export
        case `import`
        case version

        var schema: String {
            switch self {
            case .configuration: ConfigurationSchema.text
            case .report: ReportSchema.text
            case .plan: PlanSchema.text
            case .cacheStats: CacheSchemas.cacheStats
            case .cacheList: CacheSchemas.cacheList
            case .cacheVerify: CacheSchemas.cacheVerify
            case .cacheCollect: CacheSchemas.cacheCollect
            case .cacheRemove: CacheSchemas.cacheRemove
            case .inspect: ResultSchemas.inspect
            case .eol: ResultSchemas.eol
            case .export: ArchiveSchemas.exported
            case .import: ArchiveSchemas.imported
            case .version: ResultSchemas.version
            }
        }
    }

    @ParentCommand var parent: Imglife

    @Argument(help: "What the schema is of; 'report' is what 'sync --output json' prints.")
    var document = Document.configuration

    @Flag(help: "The same as 'imglife schema report'.")
    var report = false

    func run() async throws {
        try StandardOutput.write((report ? .report : document).schema)
    }
}
