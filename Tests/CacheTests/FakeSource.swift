import CacheSupport
import NIOCore
import OCI
import TestSupport

/// A source in memory that does what a test tells it to.
final class FakeSource: ContentSource {
    /// How one reading of a blob goes.
    enum Behaviour: Sendable {
        case deliver
        /// Fails at this offset.
        case fail(at: Int)
        /// Inverts the byte at this offset.
        case corrupt(at: Int)
        case extra(count: Int)
        /// Ends at this offset, as if that were all.
        case short(at: Int)
        /// Waits at this offset until the barrier is open.
        case stall(at: Int, Barrier)
    }

    struct Failure: Error {}

    private struct State: Sendable {
        var offsets: [Int64] = []
        var mayBeAhead: [Bool] = []
        var behaviours: [Behaviour]
        var delivered = 0
    }

    let place: String
    var origin: RepositoryReference? { try? RepositoryReference(place) }
    private let contents: [Digest: ByteBuffer]
    private let state: Watched<State>

    /// Makes a source of some blobs; the behaviours are of the first readings in order, all later ones deliver.
    init(
        _ contents: [ByteBuffer],
        _ behaviours: [Behaviour] = [],
        place: String = "registry.example.com/app"
    ) {
        self.contents = Dictionary(contents.map { (Digest.of($0), $0) }) { first, _ in first }
        self.place = place
        state = Watched(State(behaviours: behaviours))
    }

    /// Where each reading began.
    var offsets: [Int64] { state.value.offsets }
    var delivered: Int { state.value.delivered }
    /// Whether each reading of a large blob could have brought what comes later before its turn.
    var mayBeAhead: [Bool] { state.value.mayBeAhead }

    func manifest(_ descriptor: Descriptor) async throws -> Manifest {
        throw Failure()
    }

    func readBlob(
        _ descriptor: Descriptor,
        from offset: Int64,
        ahead scratch: (any ScratchSpace)?,
        deliver: (ByteBuffer) async throws -> Void
    ) async throws {
        let behaviour: Behaviour = state.update { state in
            state.offsets.append(offset)
            state.mayBeAhead.append(scratch != nil)
            return state.behaviours.isEmpty ? .deliver : state.behaviours.removeFirst()
        }
        guard let content = contents[descriptor.digest] else { throw Failure() }
        let bytes = behaviour.apply(to: content)
        var position = Int(offset)
        while position < bytes.readableBytes {
            try await behaviour.pause(at: position)
            let end = min(position + (64 << 10), behaviour.stop(after: position), bytes.readableBytes)
            guard let piece = bytes.getSlice(at: position, length: end - position) else { return }
            try await deliver(piece)
            state.update { $0.delivered += piece.readableBytes }
            position = end
        }
    }
}

extension FakeSource.Behaviour {
    fileprivate func apply(to content: ByteBuffer) -> ByteBuffer {
        var bytes = content
        switch self {
        case .deliver, .fail, .stall: break
        case .corrupt(let offset): bytes.flipByte(at: offset)
        case .extra(let count): bytes.writeRepeatingByte(7, count: count)
        case .short(let offset): bytes = bytes.getSlice(at: 0, length: offset) ?? bytes
        }
        return bytes
    }

    fileprivate func pause(at position: Int) async throws {
        switch self {
        case .fail(let limit) where position >= limit: throw FakeSource.Failure()
        case .stall(let limit, let barrier) where position >= limit: try await barrier.wait()
        default: break
        }
    }

    /// Where a piece must end so that the behaviour can begin.
    fileprivate func stop(after position: Int) -> Int {
        switch self {
        case .fail(let limit), .stall(let limit, _): position < limit ? limit : .max
        default: .max
        }
    }
}

extension ByteBuffer {
    mutating func flipByte(at offset: Int) {
        setInteger(~(getInteger(at: offset, as: UInt8.self) ?? 0), at: offset)
    }
}

/// Holds tasks until it is opened, or they are cancelled.
final class Barrier: Sendable {
    private struct State: Sendable {
        var isOpen = false
        var arrivals = 0
    }

    private let state = Watched(State())

    func open() { state.update { $0.isOpen = true } }

    func wait() async throws {
        state.update { $0.arrivals += 1 }
        try await state.wait { $0.isOpen }
    }

    /// Waits until that many have come here.
    func arrivals(_ count: Int = 1) async throws {
        try await state.wait { $0.arrivals >= count }
    }
}
