import ArgumentParser
import Cache
import OCI
import Registry
import Sync

/// `imglife plan`: tells what a run would do and what it would cost.
struct PlanCommand: Subcommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Tell what a sync would do, and what it would cost.",
        discussion: """
            Lists sources and targets as a sync does, and writes nothing. What the cache and the target hold already is \
            subtracted where manifests tell what an image is made of: those in the cache, and all of them with \
            --read-manifests. Elsewhere Docker Hub's own list tells sizes.

            Exit codes: 0 nothing would fail; 1 an entry or a tag would; 64 bad usage; 78 invalid configuration.
            """
    )

    @ParentCommand var parent: Imglife
    var copies: Bool { true }

    @Option(
        name: .customLong("entry"),
        parsing: .singleValue,
        help: ArgumentHelp("Only entries whose source or target matches the glob; repeatable.", valueName: "pattern"),
        completion: .entries
    )
    var entries: [String] = []

    @Flag(
        help: "Read the manifests of what would be copied, so that all figures are exact. Docker Hub counts each one."
    )
    var readManifests = false

    @Option(
        help: ArgumentHelp(
            "Tell which rule selects this tag of a source, or leaves it out, and nothing else.",
            valueName: "ref"
        ),
        completion: .explained,
        transform: explained
    )
    var explain: ImageReference?

    @Flag(help: "Ask no upstream: plan a run that uses only what the cache holds.")
    var offline = false

    @Option(help: "The plan on standard output: text, or one JSON document (see 'imglife schema plan').")
    var output = SyncCommand.Output.text

    func run() async throws {
        try await Failure.exiting {
            let session = try Session(options: parent.options, copies: copies)
            let options = try options(for: session)
            let cache = try OfflineCache(lookingOnly: session, isNeeded: offline)
            try await Interruption.run(logger: session.logger) {
                try await RegistryClient.with(session.usableRegistries) { client in
                    try await cache.opened { try await plan(session, session.syncer(client, $0, options)) }
                }
            }
        }
    }

    private func options(for session: Session) throws -> Syncer.Options {
        var options = Syncer.Options()
        options.parallelism = session.settings.parallelism
        options.isOffline = offline
        options.entries = try Set(chosen(session))
        return options
    }

    private func chosen(_ session: Session) throws -> [Int] {
        let positions = try session.positions(matching: entries)
        guard let explain else { return positions }
        let chosen = session.configuration.entries(explaining: explain, among: positions)
        guard !chosen.isEmpty else {
            throw ValidationError("no entry's source is \(explain.location): --explain wants a tag of a source")
        }
        return chosen
    }

    private func plan(_ session: Session, _ syncer: Syncer) async throws {
        let plan = try await syncer.plan(readingManifests: readManifests, explaining: explain)
        let document = PlanDocument(plan, of: session.configuration, kind: .plan)
        let isFailing = explain.map(document.isFailing) ?? (plan.failures > 0)
        switch output {
        case .json: try StandardOutput.offer(CacheDocument.text(document))
        case .text:
            if let explain, let tag = explain.tag {
                try StandardOutput.offer(document.explanation(of: "\(tag)", from: "\(explain.location)"))
            } else {
                let terminal = Terminal(descriptor: 1)
                var text = PlanText(document: document, style: .standardOutput(session.environment))
                text.width = terminal.isTerminal ? terminal.size.columns : nil
                try StandardOutput.offer(text.text)
            }
        }
        if isFailing { throw Failure.failed }
    }

    @Sendable
    private static func explained(_ text: String) throws -> ImageReference {
        do {
            let reference = try ImageReference(text)
            guard reference.tag != nil, reference.digest == nil else {
                throw ValidationError("--explain wants a tag, such as docker.io/library/alpine:3.20")
            }
            return reference
        } catch let error as ReferenceError {
            throw ValidationError("\(error)")
        }
    }
}

extension Configuration {
    /// The entries of a tag's source, and what else goes to their targets, as that may want its place.
    func entries(explaining tag: ImageReference, among positions: [Int]) -> [Int] {
        let own = positions.filter { entries[$0].source == tag.location }
        let targets = Set(own.map { entries[$0].target.withoutUsualPort })
        return positions.filter { targets.contains(entries[$0].target.withoutUsualPort) }
    }
}

extension PlanDocument {
    /// Why a tag is mirrored or not, a block for each entry of its source.
    func explanation(of tag: String, from source: String) -> String {
        entries.filter { $0.source == source }.map { entry in
            var lines = ["\(entry.source):\(tag) -> \(entry.target) (sync.entries[\(entry.entry)])"]
            lines += (entry.explanation ?? []) + (entry.failure.map { ["it cannot be told: \($0.reason)"] } ?? [])
            if let planned = entry.tags.first(where: { $0.sourceTag == tag }) {
                if planned.platformsUnread == true { lines.append("platforms: not looked at without --read-manifests") }
                let name = planned.targetTag == tag ? "" : " as \(planned.targetTag)"
                lines.append("so: \(planned.decision.rawValue)\(name)" + (planned.reason.map { " (\($0))" } ?? ""))
            } else if entry.failure == nil {
                lines.append("so: not mirrored")
            }
            return lines.enumerated().map { ($0 == 0 ? "" : "  ") + $1.displaySafe(limit: 4096) + "\n" }.joined()
        }.joined(separator: "\n")
    }

    /// Whether a tag fails, or an entry of its source, of which the tag may be one.
    fileprivate func isFailing(_ reference: ImageReference) -> Bool {
        entries.contains { entry in
            entry.source == "\(reference.location)"
                && (entry.failure != nil
                    || entry.tags.contains { $0.decision == .failed && $0.sourceTag == reference.tag?.description })
        }
    }
}
