import FoundationEssentials
import GRDB
package import OCI

/// What hashing all blobs found.
package struct VerificationReport: Sendable {
    /// What is wrong with a blob.
    package enum Fault: String, Sendable {
        /// Its bytes are not those that its name says; it has been put aside.
        case damaged
        /// The index knows it, but its file is gone.
        case missing
        /// The system could not read it to its end; it has been put aside.
        case unreadable
    }

    /// One bad blob.
    package struct Finding: Sendable {
        package let digest: Digest
        package let fault: Fault
        /// The tags whose images need it, sorted by repository and tag.
        package let affected: [ImageReference]
    }

    /// Blobs hashed, the bad ones among them.
    package internal(set) var blobs = 0
    /// Their bytes.
    package internal(set) var bytes: Int64 = 0
    /// Sorted by digest.
    package internal(set) var findings: [Finding] = []
}

extension ContentCache {
    /// How many blobs are hashed at a time.
    private static let parallelVerifications = 4

    /// Hashes every blob again; what is wrong is put aside, so that the next run downloads it again.
    ///
    /// Safe beside other processes: what they remove meanwhile is not reported. Safe to repeat; a bad blob that was put
    /// aside is told as missing by later calls, until it is downloaded again or a collection forgets it.
    ///
    /// - Throws: ``CacheError``; `CancellationError`.
    package func verify() async throws -> VerificationReport {
        let (files, graph) = try await blocking { [directory, index] in
            let files = try directory.storedFiles()
            return (files, try index.graph(files: files))
        }
        var report = VerificationReport()
        var faults: [Digest: VerificationReport.Fault] = [:]
        try await withThrowingTaskGroup(of: (StoredFile, VerificationReport.Fault?).self) { group in
            var rest = files[...]
            func add() {
                guard let file = rest.popFirst() else { return }
                group.addTask { (file, try await self.fault(of: file)) }
            }
            for _ in 0..<Self.parallelVerifications { add() }
            while let (file, fault) = try await group.next() {
                report.blobs += 1
                report.bytes += file.size
                if let fault { faults[file.digest] = fault }
                add()
            }
        }
        for digest in try await settleMissing(graph, files) { faults[digest] = .missing }
        // One that was downloaded again meanwhile is right.
        let bad = faults.keys.sorted()
        try await blocking { [index, directory] in
            try index.markMissing(bad.filter { try directory.openBlob($0, size: nil) == nil })
        }
        report.findings = Self.findings(faults, graph)
        return report
    }

    /// - Returns: what is wrong; `nil` for a good blob, and for one that was removed meanwhile.
    @concurrent
    private func fault(of stored: StoredFile) async throws -> VerificationReport.Fault? {
        guard let file = try directory.openBlob(stored.digest, size: nil) else { return nil }
        do {
            var hasher = DigestHasher(stored.digest.algorithm)
            var offset: Int64 = 0
            let length = try file.length()
            while offset < length {
                try Task.checkCancellation()
                (offset, hasher) = try file.hash(offset..<min(length, offset + (16 << 20)), with: hasher)
            }
            guard hasher.finalize() != stored.digest else { return nil }
            quarantine(file, stored.digest)
            return .damaged
        } catch is SystemError {
            quarantine(file, stored.digest)
            return .unreadable
        }
    }

    /// The blobs that the index counts on and that have no file, now and not only when the files were listed.
    private func settleMissing(_ graph: ReferenceGraph, _ files: [StoredFile]) async throws -> [Digest] {
        let listed = Set(files.map(\.digest))
        return try await blocking { [index, directory] in
            try graph.nodes.map(\.digest).filter { digest in
                guard !listed.contains(digest), try index.isCountedOn(digest) else { return false }
                return try directory.openBlob(digest, size: nil) == nil
            }
        }
    }

    private static func findings(
        _ faults: [Digest: VerificationReport.Fault],
        _ graph: ReferenceGraph
    ) -> [VerificationReport.Finding] {
        guard !faults.isEmpty else { return [] }
        let images = graph.images()
        return faults.sorted { $0.key < $1.key }.map { digest, fault in
            let node = graph.position(of: digest)
            let needing = images.filter { image in node.map(image.closure.contains) ?? false }
            let tags = needing.flatMap { $0.tags.map(\.reference) }
            return .init(digest: digest, fault: fault, affected: tags.sorted { $0.description < $1.description })
        }
    }
}

extension CacheIndex {
    /// Whether a blob is said to be there, or a tag needs it.
    func isCountedOn(_ digest: Digest) throws(CacheError) -> Bool {
        try read { db in
            try Bool.fetchOne(
                db,
                sql: """
                    \(Self.keepers)
                    SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = ?1 AND state = 'ok')
                        OR EXISTS (SELECT 1 FROM keepers JOIN names USING (digest))
                    """,
                arguments: [digest.key]
            )
        } == true
    }
}
