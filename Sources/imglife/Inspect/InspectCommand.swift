import ArgumentParser
import Cache
import OCI

/// `imglife inspect`: one image as the cache has it.
struct InspectCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show one image as the cache has it.",
        discussion: """
            Its digest, platforms, layers, labels and referrers, the names that hold it, where it came from and when, and \
            what the tag stood for before. No registry is asked. Exit codes: 0 shown; 1 it is not in the cache.
            """
    )

    @ParentCommand var parent: Imglife

    @Argument(
        help: ArgumentHelp("The image; without a tag it is 'latest'.", valueName: "ref"),
        completion: .cachedImages,
        transform: { text in
            do {
                return try ImageReference(text)
            } catch {
                throw ValidationError("\(error)")
            }
        }
    )
    var reference: ImageReference

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    func run() async throws {
        try await CacheAccess.run(parent.options, mayBeReadOnly: true) { [reference, output] cache, _ in
            guard let image = try await ImageInspection(cache).document(of: reference) else {
                let pattern = Self.nearest(to: reference.location, among: try await cache.names.locations())
                let command = (["imglife cache ls"] + (pattern.map { ["\($0)"] } ?? [])).joined(separator: " ")
                Failure.tell("\(reference) is not in the cache; '\(command)' lists what is")
                throw Failure.failed
            }
            switch output {
            case .text: try StandardOutput.show(InspectionText(image, columns: Terminal.outputColumns).text)
            case .json: try StandardOutput.show(CacheDocument.text(image))
            }
        }
    }

    /// The repository of the cache that was probably meant: itself, else one of the same name elsewhere.
    private static func nearest(
        to location: RepositoryReference,
        among known: some Sequence<RepositoryReference>
    ) -> RepositoryReference? {
        let name = location.repository.components.last
        let near = known.filter { $0.repository.components.last == name }
        return near.first { $0 == location } ?? near.min { $0.description < $1.description }
    }
}
