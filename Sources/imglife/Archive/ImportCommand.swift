import Archive
import ArgumentParser
import Cache
import FoundationEssentials
import Lifecycle
import Logging
import OCI
import Sync

/// `imglife import`: takes images from archives into the cache.
struct ImportCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Take the images of archives into the cache.",
        discussion: """
            Reads OCI image layouts and what 'docker save' and its like write, as a tar file (also gzip, zstd or xz) or \
            as a directory, and directories of such files. Every digest is verified before anything becomes visible. Exit codes: 0 all imported, or further volumes \
            awaited; 1 an archive was refused or could not be read; 64 bad usage.
            """
    )

    @ParentCommand var parent: Imglife

    @Argument(
        help: ArgumentHelp("An archive, or a directory; '-' is standard input.", valueName: "file"),
        completion: .file()
    )
    var files: [String]

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp(
            "The repository for images that are named by a tag alone; with a tag, the name of a single nameless image.",
            valueName: "repository"
        ),
        completion: .entries,
        transform: { text in
            try ImportCommand.usage {
                let name = try ImageReference(text)
                guard name.digest == nil else { throw ValidationError("'\(text.displaySafe)' must not have a digest") }
                return name
            }
        }
    )
    var name: ImageReference?

    @Option(
        name: .customLong("only"),
        parsing: .singleValue,
        help: ArgumentHelp("Only images whose name matches the glob; repeatable.", valueName: "pattern"),
        completion: .cachedImages
    )
    var only: [String] = []

    @Option(
        name: .customLong("verify-key"),
        parsing: .singleValue,
        help: ArgumentHelp("Refuse archives that are not signed with this public key; repeatable.", valueName: "file"),
        completion: .file()
    )
    var keys: [String] = []

    @Option(
        help: ArgumentHelp("Afterwards write what the cache holds, for 'export --since'.", valueName: "file"),
        completion: .file()
    )
    var receipt: String?

    @Option(help: "Text, or one JSON document.")
    var output = CacheCommand.Output.text

    @Option(help: "Progress on standard error: auto (one line on a terminal), plain (a line now and then) or none.")
    var progress = ProgressStyle.Mode.auto

    func validate() throws {
        guard files.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("standard input can be read once only")
        }
    }

    func run() async throws {
        var options = ImportOptions()
        options.only = only
        options.name = name
        var sources: [ArchiveSource] = []
        try await Failure.exiting {
            sources = try archives()
            guard parent.options.namedConfiguration != "-" || !files.contains("-") else {
                throw ValidationError("standard input can be read once only, as the configuration or as an archive")
            }
            options.keys = try keys.map(ArchiveKeyFile.verificationKey)
            if let receipt { try ReceiptCommand.checkPlace(receipt) }
        }
        let before = { @Sendable [self, sources] in try await refuseUnreadable(sources) }
        try await CacheAccess.run(parent.options, mode: .create, before: before) {
            [self, options, sources] cache, access in
            var outcomes: [ImportOutcome] = []
            do {
                for source in sources { outcomes.append(try await outcome(source, cache, access, options)) }
            } catch {
                // What earlier archives have brought is here all the same.
                if !outcomes.isEmpty { try? tell(outcomes) }
                throw error
            }
            try await finish(outcomes, cache, access)
        }
    }

    /// What is told comes last: nobody may be there to read it.
    private func finish(_ outcomes: [ImportOutcome], _ cache: ContentCache, _ access: CacheAccess) async throws {
        await CacheUpkeep(cache: cache, session: access.session).keepQuota()
        var failure: (any Error)?
        do {
            if let receipt { try await Self.write(receipt, of: cache) }
        } catch {
            failure = error
        }
        do {
            try tell(outcomes)
        } catch {
            if failure != nil { Failure.tell("\(error)") } else { failure = error }
        }
        if let failure { throw failure }
        if outcomes.contains(where: { $0.error != nil }) { throw Failure.failed }
    }

    /// Ends the command where none of the archives can be read: no cache is made then.
    private func refuseUnreadable(_ sources: [ArchiveSource]) async throws {
        var outcomes: [ImportOutcome] = []
        for source in sources {
            do {
                return try await source.check()
            } catch let error as CacheError {
                outcomes.append(ImportOutcome(source.name, error))
            }
        }
        try tell(outcomes)
        throw Failure.failed
    }

    private func tell(_ outcomes: [ImportOutcome]) throws {
        defer {
            for outcome in outcomes {
                if let error = outcome.error { Failure.tell("\(error)") }
            }
        }
        let outcomes = ImportOutcome.settled(outcomes)
        // Standard output is the receipt's own where that is written there.
        let write = { [receipt, output] (text: String) throws in
            guard receipt == "-" else { return try StandardOutput.write(text) }
            if output == .text { Failure.remark(text) } else { StandardOutput.writeError(text) }
        }
        if output == .json {
            let document = ImportDocument(outcomes)
            try DocumentRows.write(document, document.archives.flatMap { [$0.images, $0.skipped, $0.replaced] }, write)
        } else {
            for outcome in outcomes { try outcome.forEachText(write) }
        }
    }

    /// What could not be written is no reason to import again.
    private static func write(_ receipt: String, of cache: ContentCache) async throws {
        do {
            try await ReceiptCommand.write(cache, to: receipt)
        } catch let error as FileError {
            throw UnwrittenReceipt(error: error)
        }
    }

    /// The archives, those of directories among them.
    private func archives() throws -> [ArchiveSource] {
        try files.flatMap { file in
            guard file != "-" else { return [ArchiveSource.standardInput] }
            let contained = ArchiveSource.path(file).contained
            // In the order of their names an earlier set could come last.
            let rivals = VolumeName.rivals(among: contained.map(\.name))
            guard rivals.isEmpty else {
                let names = rivals.map(\.displaySafe).joined(separator: ", ")
                throw ValidationError(
                    "\(file.displaySafe) holds archives of several exports of one name (\(names)): remove those of the "
                        + "earlier ones, or name the archives in the order in which they count"
                )
            }
            return contained
        }
    }

    /// One archive that is refused does not keep the others from being imported.
    private func outcome(
        _ source: ArchiveSource,
        _ cache: ContentCache,
        _ access: CacheAccess,
        _ options: ImportOptions
    ) async throws -> ImportOutcome {
        let bytes = ByteProgress("imported", source.name, total: source.size)
        var options = options
        options.onBytes = { bytes.add($0) }
        do {
            let report = try await bytes.showing(ProgressStyle(progress, of: access.session)) {
                try await ArchiveImporter(cache).run(source, options)
            }
            Self.warn(report, access.configuration.logger)
            return ImportOutcome(source.name, report)
        } catch let error as CacheError {
            return ImportOutcome(source.name, error)
        }
    }

    private static func warn(_ report: ImportReport, _ logger: Logger) {
        if report.foreignLayers > 0 {
            logger.warning(
                "the archive has foreign layers, which are left out: clients fetch them from where their images say",
                metadata: ["layers": "\(report.foreignLayers)"]
            )
        }
        for image in report.images {
            guard let narrowing = image.narrowing else { continue }
            let list = { (platforms: [Platform]) in
                platforms.prefix(12).map(\.description.displaySafe).joined(separator: " ")
                    + (platforms.count > 12 ? " …" : "")
            }
            logger.warning(
                "the archive has some platforms only of what the name stands for; it now stands for those",
                metadata: [
                    "image": "\(image.reference)", "index": "\(narrowing.index)", "holds": "\(list(narrowing.held))",
                    "lacks": "\(narrowing.absent.isEmpty ? "attestations" : list(narrowing.absent))",
                ]
            )
        }
    }

    private static func usage<Value>(_ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as ReferenceError {
            throw ValidationError("\(error)")
        }
    }
}

/// The receipt of an import could not be written.
private struct UnwrittenReceipt: Error, CustomStringConvertible {
    let error: FileError

    var description: String {
        "\(error); what was imported is in the cache, and 'imglife receipt -o FILE' writes its receipt"
    }
}
