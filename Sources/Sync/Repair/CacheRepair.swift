package import Cache
import Concurrency
package import Logging
import OCI
package import Registry

/// Fetches again what a verification found bad or missing.
///
/// Asked in this order: where the blob came from and the repositories whose tags need it, each by way of its mirrors,
/// then the targets that these are mirrored to.
package struct CacheRepair: Sendable {
    /// How many blobs are fetched at a time; the registries' own limits apply below that.
    private static let parallelism = 8

    let cache: ContentCache
    let configuration: Configuration?
    private let sources: ImagePlaces
    let logger: Logger

    /// Makes a repair; the configuration names mirrors and targets, without one only where things came from is asked.
    package init(cache: ContentCache, client: RegistryClient, configuration: Configuration?, logger: Logger) {
        self.cache = cache
        self.configuration = configuration
        self.logger = logger
        sources = ImagePlaces(
            registries: configuration?.registries ?? [:],
            client: client,
            health: MirrorHealth(logger: logger, clock: client.clock)
        )
    }

    /// Repairs what was found, and what turns out to be missing when a manifest is there again.
    ///
    /// Safe to repeat; what is there already is not fetched. What the cache itself refuses is told like what nobody has.
    ///
    /// - Throws: `CancellationError`.
    package func run(_ findings: [VerificationReport.Finding]) async throws -> RepairReport {
        var report = RepairReport()
        var seen = Set(findings.map(\.digest))
        var open = findings
        while !open.isEmpty {
            await hold(open)
            report.rows += try await open.map(limit: Self.parallelism) { try await repair($0) }
            do {
                open = try await revealed(besides: &seen)
            } catch let error as CacheError {
                report.failure = error
                open = []
            }
        }
        report.rows.sort { $0.digest < $1.digest }
        return report
    }

    /// Protects what is going to be fetched; where that cannot be, its age does.
    private func hold(_ findings: [VerificationReport.Finding]) async {
        let absent = findings.filter { !$0.isInPlace }.map(\.digest)
        do {
            try await cache.hold(cache.verification.missing(absent).map(\.descriptor))
        } catch {
            logger.debug("what is repaired cannot be held", metadata: ["error": "\(error)"])
        }
    }

    /// What turns out to be missing.
    private func revealed(besides seen: inout Set<Digest>) async throws -> [VerificationReport.Finding] {
        var revealed: [VerificationReport.Finding] = []
        for digest in try await cache.verification.neededButAbsent() where seen.insert(digest).inserted {
            let affected = try await cache.verification.tags(needing: digest)
            revealed.append(.init(digest: digest, fault: .missing, affected: affected))
        }
        return revealed
    }

    private func repair(_ finding: VerificationReport.Finding) async throws -> RepairReport.Row {
        var affected = finding.affected
        let outcome: RepairReport.Outcome
        do {
            // A manifest that was damaged may only now be known to be needed.
            affected = try await cache.verification.tags(needing: finding.digest)
            outcome = try await self.outcome(of: finding, isNeeded: !affected.isEmpty)
        } catch let error as CacheError {
            outcome = .unrepaired(reason: "\(error)")
        }
        return RepairReport.Row(digest: finding.digest, fault: finding.fault, affected: affected, outcome: outcome)
    }

    private func outcome(
        of finding: VerificationReport.Finding,
        isNeeded: Bool
    ) async throws -> RepairReport.Outcome {
        // The bad file would be taken for what is to be fetched.
        guard !finding.isInPlace else {
            return .unrepaired(reason: "the \(finding.fault.rawValue) file could not be put aside; the log says why")
        }
        return switch try await fetch(finding.digest) {
        case .success(let place): .repaired(from: place)
        case .failure where !isNeeded: .unneeded
        case .failure(let failure): .unrepaired(reason: failure.reason)
        }
    }

    private struct Unavailable: Error {
        let reason: String
    }

    /// - Returns: who gave it.
    private func fetch(_ digest: Digest) async throws -> Result<String, Unavailable> {
        guard let blob = try await cache.verification.missing([digest]).first else {
            return .failure(Unavailable(reason: "nothing says where it came from"))
        }
        var reasons: [String] = []
        for place in places(of: blob) {
            do {
                try await fetch(blob.descriptor, from: sources.source(at: place), location: place)
                return .success(place.description)
            } catch {
                try Task.checkCancellation()
                logger.debug("a repair failed", metadata: ["digest": "\(digest)", "error": "\(error)"])
                reasons.append("\(error)")
            }
        }
        let reason = reasons.isEmpty ? "nothing says where it came from" : reasons.joined(separator: "; ")
        return .failure(Unavailable(reason: reason))
    }

    private func fetch(
        _ descriptor: Descriptor,
        from source: any ImageSource,
        location: RepositoryReference
    ) async throws {
        if descriptor.mediaType.isManifest {
            try await cache.store(source.manifest(descriptor), from: location)
        } else {
            try await cache.follow(descriptor, from: source).whenCommitted()
        }
    }

    /// Where a blob may be had: its origins, then the targets of the entries that mirror these.
    private func places(of blob: MissingBlob) -> [RepositoryReference] {
        let entries = configuration?.entries ?? []
        let targets = entries.filter { blob.origins.contains($0.source) }.map(\.target)
        var seen: Set<RepositoryReference> = []
        return (blob.origins + targets).filter { seen.insert($0).inserted }
    }
}
