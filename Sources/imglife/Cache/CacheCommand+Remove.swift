import ArgumentParser
import Cache
import OCI

/// `imglife cache rm`.
struct CacheRemoveCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Forget tags of the cache.",
        discussion: "The bytes go with the next 'imglife cache gc', once they are older than its grace. "
            + "Exit codes: 0 all removed; 1 one or more are not in the cache."
    )

    @ParentCommand var parent: Imglife

    @Argument(
        help: ArgumentHelp("A repository with a tag, such as alpine:3.21.", valueName: "ref"),
        transform: { text in
            do {
                let reference = try ImageReference(text)
                guard reference.tag != nil, reference.digest == nil else {
                    throw ValidationError("'\(text.displaySafe)' must name a tag, and nothing but a tag")
                }
                return reference
            } catch let error as ReferenceError {
                throw ValidationError("\(error)")
            }
        }
    )
    var references: [ImageReference]

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    func run() async throws {
        try await CacheAccess.run(parent.options) { [references, output] cache, _ in
            var document = Document()
            for reference in references {
                guard let tag = reference.tag else { continue }
                if try await cache.names.remove(tag, of: reference.location) {
                    document.removed.append(reference.description)
                } else {
                    document.missing.append(reference.description)
                }
            }
            if !document.removed.isEmpty { try await cache.writeLayout() }
            switch output {
            case .text: try StandardOutput.write(document.text)
            case .json: try StandardOutput.write(CacheDocument.text(document))
            }
            for name in document.missing { Failure.tell("\(name) is not in the cache") }
            if !document.missing.isEmpty { throw Failure.failed }
        }
    }

    private struct Document: Encodable {
        var removed: [String] = []
        var missing: [String] = []

        var text: String {
            guard !removed.isEmpty else { return "" }
            return removed.map { "removed \($0)\n" }.joined() + "'imglife cache gc' frees what nothing else needs\n"
        }
    }
}
