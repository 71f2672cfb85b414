import Concurrency
import OCI
import Synchronization

/// Whose turn it is to be copied: so many images at a time.
///
/// More begin while those that have begun have fewer blobs left than keep the connections to far hosts busy. How many
/// manifests are read ahead of their image's turn is bound by their bytes as well.
final class Turns: Sendable {
    /// Beyond so many bytes of manifests no further images are read ahead for a far host's sake.
    private static let maximumHeld: Int64 = 8 << 20

    private struct State {
        /// Of images that have begun, those that are not at the target yet.
        var blobs = 0
        /// Places of images whose blobs are not all there, and whether those wait for a host; the first has had its turn
        /// for longest.
        var turns: [(place: Semaphore.Place, isHeldBack: @Sendable () -> Bool)] = []
        /// How many places have been given to nobody yet.
        var free: Int
        /// In bytes, of all manifests that are under way.
        var held: Int64 = 0
    }

    private let images: Semaphore
    private let state: Mutex<State>

    /// - Parameter images: how many are copied at a time.
    init(_ images: Int) {
        self.images = Semaphore(images)
        state = Mutex(State(free: images))
    }

    /// Runs a body when it is an image's turn.
    ///
    /// - Parameters:
    ///   - blobs: how many it has.
    ///   - room: how many blobs keep the connections to far hosts busy; `nil` where none is far.
    ///   - isHeldBack: whether a host that it needs wants no requests for a time; others have its turn then.
    ///   - body: the copy, which tells what of it is done.
    /// - Returns: what the body returns.
    /// - Throws: `CancellationError` when the task is cancelled before; otherwise what the body throws.
    func withTurn<Result>(
        blobs: Int,
        room: @escaping @Sendable () -> Int?,
        isHeldBack: @escaping @Sendable () -> Bool = { false },
        _ body: (Turn) async throws -> Result
    ) async throws -> Result {
        try await images.withPlaceToGiveBack { place in
            let turn = Turn(of: self, place, blobs: blobs, room: room)
            state.withLock { state in
                state.blobs += blobs
                state.turns.append((place, isHeldBack))
                state.free -= 1
            }
            defer { turn.end() }
            if isHeldBack() { giveBack(place) }
            makeRoom(room())
            return try await body(turn)
        }
    }

    /// Lets others have the turns of images that a host holds back.
    func giveBackHeld() {
        for (place, isHeldBack) in state.withLock({ $0.turns }) where isHeldBack() { giveBack(place) }
    }

    /// Notes the manifests of an image that is under way, until ``drop(_:)``.
    func hold(_ bytes: Int64) { state.withLock { $0.held += bytes } }

    func drop(_ bytes: Int64) { state.withLock { $0.held -= bytes } }

    /// Whether there is space for manifests of further images.
    var hasSpace: Bool { state.withLock { $0.held < Self.maximumHeld } }

    fileprivate func finished(_ blobs: Int) { state.withLock { $0.blobs -= blobs } }

    fileprivate func giveBack(_ place: Semaphore.Place) {
        state.withLock { state in
            guard let index = state.turns.firstIndex(where: { $0.place === place }) else { return }
            state.turns.remove(at: index)
            state.free += 1
        }
        place.giveBack()
    }

    /// Lets the next image begin where those that have begun cannot fill a far host's connections.
    fileprivate func makeRoom(_ room: Int?) {
        guard let room else { return }
        let place = state.withLock { state -> Semaphore.Place? in
            // Of whoever is about to begin it is not known yet how many blobs there are.
            guard state.blobs < room, state.free <= 0, !state.turns.isEmpty else { return nil }
            state.free += 1
            return state.turns.removeFirst().place
        }
        place?.giveBack()
    }
}

/// One image's turn.
final class Turn: Sendable {
    private let turns: Turns
    private let place: Semaphore.Place
    private let room: @Sendable () -> Int?
    private let left: Mutex<Int>

    fileprivate init(of turns: Turns, _ place: Semaphore.Place, blobs: Int, room: @escaping @Sendable () -> Int?) {
        self.turns = turns
        self.place = place
        self.room = room
        left = Mutex(blobs)
    }

    /// One of the image's blobs is at the target.
    func blobIsThere() {
        guard take(1) > 0 else { return }
        turns.finished(1)
        turns.makeRoom(room())
    }

    /// All that is left of the image is small.
    func giveBack() { turns.giveBack(place) }

    /// The image is done with, whatever has become of it.
    fileprivate func end() {
        turns.finished(take(.max))
        turns.giveBack(place)
        turns.makeRoom(room())
    }

    private func take(_ count: Int) -> Int {
        left.withLock { left in
            let taken = min(left, count)
            left -= taken
            return taken
        }
    }
}

extension ImageGraph {
    /// Of all its manifests, in bytes.
    var manifestSize: Int64 { children.reduce(top.descriptor.size) { $0 + $1.descriptor.size } }
}
