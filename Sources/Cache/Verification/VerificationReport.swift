package import OCI
import Synchronization

/// What is to be hashed again, and for how long.
package struct VerificationOptions: Sendable {
    /// One of several parts that together are the whole cache; a blob is always in the same one.
    package struct Subset: Hashable, Sendable, CustomStringConvertible {
        /// From 1 to ``count``.
        package let number: Int
        package let count: Int

        /// - Returns: `nil` where the number is not one of 1 to `count`.
        package init?(_ number: Int, of count: Int) {
            guard count >= 1, (1...count).contains(number) else { return nil }
            self.number = number
            self.count = count
        }

        package var description: String { "\(number)/\(count)" }

        func contains(_ digest: Digest) -> Bool {
            let head = digest.bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            return head % count == number - 1
        }
    }

    /// `nil` means everything.
    package var subset: Subset?
    /// No blob is begun after this time; the next verification goes on there.
    package var maximumDuration: Duration?
    /// Begin at the first blob, wherever an earlier verification stopped.
    package var startsOver: Bool

    package init(subset: Subset? = nil, maximumDuration: Duration? = nil, startsOver: Bool = false) {
        self.subset = subset
        self.maximumDuration = maximumDuration
        self.startsOver = startsOver
    }
}

/// What hashing blobs found.
package struct VerificationReport: Sendable {
    /// What is wrong with a blob.
    package enum Fault: String, Sendable {
        /// Its bytes are not those that its name says.
        case damaged
        /// The index knows it or a tag needs it, but its file is gone.
        case missing
        /// The system could not read it to its end.
        case unreadable
    }

    /// Why it ended before the last blob.
    package enum Stop: String, Sendable {
        /// The time was over.
        case duration
        /// Several files could not be read: going on would only put more aside.
        case failingDisk
    }

    /// One bad blob.
    package struct Finding: Sendable {
        package let digest: Digest
        package let fault: Fault
        /// The tags whose images need it, sorted by repository and tag.
        package let affected: [ImageReference]
        /// Whether its bad file could not be put aside: then nothing can replace it, and it would be used as it is.
        package let isInPlace: Bool

        package init(digest: Digest, fault: Fault, affected: [ImageReference], isInPlace: Bool = false) {
            self.digest = digest
            self.fault = fault
            self.affected = affected
            self.isInPlace = isInPlace
        }
    }

    /// Blobs hashed, the bad ones among them.
    package internal(set) var blobs = 0
    /// Their bytes.
    package internal(set) var bytes: Int64 = 0
    /// Blobs that an interrupted verification had hashed before, and that were left out now.
    package internal(set) var skipped = 0
    /// `nil` when it came to the end.
    package internal(set) var stop: Stop?
    /// Sorted by digest.
    package internal(set) var findings: [Finding] = []
}

/// How far a verification is, for whoever watches it.
package final class VerificationProgress: Sendable {
    /// The state at one moment.
    package struct Snapshot: Hashable, Sendable {
        package var blobs = 0
        package var bytes: Int64 = 0
        package var bad = 0
        package var totalBlobs = 0
        package var totalBytes: Int64 = 0
    }

    private let state = Mutex(Snapshot())

    package init() {}

    package var snapshot: Snapshot { state.withLock { $0 } }

    func update(_ change: (inout Snapshot) -> Void) {
        state.withLock { change(&$0) }
    }
}
