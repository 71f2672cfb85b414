import Archive
import ArgumentParser
import Cache
import Glibc
import OCI
import Output
import Registry
import Sync

/// `imglife export`: writes images of the cache into an archive.
struct ExportCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write images into an archive for the other side of an air gap.",
        discussion: """
            Without a reference and without --entry, what the configuration's entries select; without a configuration, \
            everything that the cache has a tag for. What the cache lacks is fetched first. Exit codes: 0 written; 1 not; \
            64 bad usage; 78 invalid configuration.
            """
    )

    @ParentCommand var parent: Imglife

    @Option(
        name: [.customShort("o"), .customLong("file")],
        help: ArgumentHelp("The archive; '-' writes to standard output.", valueName: "file"),
        completion: .file()
    )
    var file: String

    @Option(
        name: .customLong("entry"),
        parsing: .singleValue,
        help: ArgumentHelp("Only entries whose source or target matches the glob; repeatable.", valueName: "pattern"),
        completion: .entries
    )
    var entries: [String] = []

    @Argument(
        help: ArgumentHelp(
            "Images by their source names, such as alpine:3.21; a repository alone means all of its tags in the cache, "
                + "and so does a glob such as 'docker.io/library/*:3.*'.",
            valueName: "ref"
        ),
        completion: .cachedImages,
        transform: { text in try parsing { try ExportRequest.Wish(text) } }
    )
    var references: [ExportRequest.Wish] = []

    @Option(
        name: .customLong("platform"),
        parsing: .singleValue,
        help: ArgumentHelp(
            "Only this platform of each image, such as linux/amd64; repeatable. (default: all that the cache holds)",
            valueName: "platform"
        ),
        completion: .platforms,
        transform: { text in try parsing { try PlatformPattern(text) } }
    )
    var platforms: [PlatformPattern] = []

    @Option(
        name: .customLong("since"),
        parsing: .singleValue,
        help: ArgumentHelp(
            "Leave out what this receipt says the other side holds; repeatable.",
            valueName: "receipt"
        ),
        completion: .file()
    )
    var receipts: [String] = []

    @Flag(help: "Ask no registry; what the cache lacks is named, and nothing is written then.")
    var offline = false

    @Flag(help: "Replace files that are there.")
    var force = false

    @Option(
        help: ArgumentHelp(
            "The largest file that may be written, such as 4GiB; what does not fit goes into further ones.",
            valueName: "size"
        ),
        transform: { text in try parsing { try ByteSize(text) } }
    )
    var volumeSize: ByteSize?

    @Flag(
        help: ArgumentHelp(
            "Write what 'docker load' reads and nothing else: one platform of each image, without its manifests, so that its "
                + "digest changes. For skopeo, where an image has Docker's media types."
        )
    )
    var dockerOnly = false

    @Option(
        help: ArgumentHelp("Sign the archive's list of digests with this private key.", valueName: "key"),
        completion: .file()
    )
    var sign: String?

    @Option(help: "The result on standard output: text, or one JSON document.")
    var output = SyncCommand.Output.text

    @Option(help: "Progress on standard error: auto (bars on a terminal), plain (a line now and then) or none.")
    var progress = ProgressStyle.Mode.auto

    func run() async throws {
        try await Failure.exiting {
            let session = try Session(options: parent.options, copies: false)
            let request = try request(session)
            try await Interruption.run(logger: session.logger) {
                if offline {
                    _ = try OfflineCache(session.cache)
                    try await export(request, session, nil)
                } else {
                    try await RegistryClient.with(session.usableRegistries) { client in
                        try await export(request, session, client)
                    }
                }
            }
        }
    }

    func validate() throws {
        guard !dockerOnly || volumeSize == nil && receipts.isEmpty && sign == nil else {
            throw ValidationError("--docker-only has no volumes, receipts or signatures: leave out the other option")
        }
    }

    /// Where the archive goes; what is wrong with the place is said by the export.
    private var place: OutputPlace? {
        file == "-" ? .ownFile(STDOUT_FILENO) : try? OutputPlace(file)
    }

    private func request(_ session: Session) throws -> ExportRequest {
        if place?.isTerminal == true {
            throw ValidationError("an archive is not written to a terminal; name a file with -o, or use a pipe")
        }
        let destination: ArchiveDestination = file == "-" ? .standardOutput : .file(path: file, overwrites: force)
        var request = ExportRequest(destination: destination)
        request.wishes =
            references
            + (try session.exported(matching: entries, isNeeded: references.isEmpty))
            .map { .entry($0) }
        request.platforms = platforms
        request.volumeSize = volumeSize?.bytes
        request.isDockerOnly = dockerOnly
        request.receipts = try receipts.map { try Receipt(file: $0) }
        request.signingKey = try sign.map(ArchiveKeyFile.signingKey)
        return request
    }

    private func export(_ request: ExportRequest, _ session: Session, _ client: RegistryClient?) async throws {
        var configuration = session.cache
        configuration.mayBeReadOnly = true
        // What is fetched has to be kept somewhere; without a registry there is nothing to fetch.
        configuration.mode = client == nil || !request.mayFetch ? .existing : .create
        // Before a cache is made for it.
        if client != nil, request.mayFetch { try request.checkDestination() }
        try await ContentCache.with(configuration) { cache in
            let exporter = Exporter(
                configuration: session.configuration,
                cache: cache,
                client: client,
                logger: session.logger
            )
            let style = ProgressStyle(progress, of: session)
            let display = ProgressDisplay(style: style, progress: exporter.progress)
            let report = try await display.showing { try await exporter.run(request) }
            let document = ExportDocument(report)
            // Standard output is the archive's own where that is written there.
            let write = { [output, isTaken = place?.isStandardOutput == true] (text: String) throws in
                guard isTaken else { return try StandardOutput.write(text) }
                if output == .text { Failure.remark(text) } else { StandardOutput.writeError(text) }
            }
            if output == .text {
                try write(document.text)
            } else {
                try DocumentRows.write(document, [document.images], write)
            }
        }
    }
}

/// Reads an argument; what is wrong with it is a mistake of usage.
private func parsing<Value>(_ body: () throws -> Value) throws -> Value {
    do {
        return try body()
    } catch {
        throw ValidationError("\(error)")
    }
}
