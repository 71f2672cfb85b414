import OCI

/// What to do next to bring one blob to a registry, from what its answers say; sends nothing itself.
///
/// OCI distribution-spec 1.1.1, end-4a, end-4b, end-5, end-6: one PUT with everything, or a POST with everything where that is
/// taken. After an interruption it goes on where
/// the registry says it is, or starts over in a new session; registries that refuse large requests get chunks.
struct UploadSession: Sendable {
    /// Chunk sizes to try, in bytes, when a request is refused as too large.
    private static let chunkSizes: [Int64] = [16 << 20, 4 << 20, 1 << 20]
    /// What counts as progress, in bytes.
    private static let progress = Int64(1 << 20)

    /// The next request.
    enum Step: Hashable, Sendable {
        /// POST: the digest and everything; who does not take it gives a place.
        case offer(Range<Int64>)
        /// POST: asks for a place.
        case open
        /// PATCH: a part.
        case send(UploadPlace, Range<Int64>)
        /// PUT: the digest and whatever has not been sent.
        case finish(UploadPlace, Range<Int64>)
    }

    /// What comes after a failure.
    enum Recovery: Hashable, Sendable {
        /// Start over at once, in another way.
        case startOver
        /// Start over once our own bytes have proved right.
        case check
        /// Wait for another try, then find out what the registry holds.
        case wait
    }

    let size: Int64
    private var offersWhole: Bool
    private(set) var place: UploadPlace?
    /// How many bytes the registry holds.
    private(set) var offset: Int64 = 0
    /// `nil` while the blob is sent in one request, with its digest.
    private var chunkSize: Int64?
    private var avoidsParts = false
    /// Whether the registry has refused all in the request that ends the upload.
    private(set) var avoidsWhole = false
    /// The size of the smallest request that was too large for the registry, for another blob perhaps.
    private(set) var refusedSize: Int64
    /// Why parts are sent instead of the whole.
    private var refusalOfWhole: RegistryError?
    private var hasChecked = false
    /// The registry has said of a part that it holds something else; its word is not taken for it twice.
    private var isDoubted = false
    private var isDistrusted = false
    private var start: Int64 = 0

    init(
        size: Int64,
        place: UploadPlace?,
        offersWhole: Bool = false,
        avoidsWhole: Bool = false,
        refusedSize: Int64 = .max
    ) {
        self.size = size
        self.refusedSize = refusedSize
        chunkSize = size < refusedSize ? avoidsWhole ? size : nil : Self.chunkSize(below: refusedSize)
        self.place = place
        self.offersWhole = offersWhole
    }

    var step: Step {
        guard let place else { return offersWhole ? .offer(0..<size) : .open }
        if chunkSize == nil, offset == 0 { return .finish(place, 0..<size) }
        guard offset < size else { return .finish(place, size..<size) }
        let chunk = max(1, chunkSize.map { max($0, place.minimumChunk) } ?? size - offset)
        return .send(place, offset..<(offset + min(chunk, size - offset)))
    }

    mutating func opened(_ place: UploadPlace) {
        offersWhole = false
        self.place = place
        offset = 0
        start = 0
    }

    /// Takes in the answer to a part.
    ///
    /// Some registries are wrong about what they have `held`, so the digest decides once.
    ///
    /// - Returns: whether to go on; otherwise the session is lost.
    mutating func sent(_ range: Range<Int64>, held: Int64?, at place: UploadPlace) -> Bool {
        self.place = place
        if let held, held != range.upperBound, range.upperBound > 1 {
            guard !isDistrusted else { return false }
            isDoubted = true
        }
        offset = range.upperBound
        return true
    }

    /// Decides after a failure; the caller gives the session up before it starts over.
    mutating func failed(_ error: RegistryError?, during step: Step) -> Recovery {
        if case .offer = step {
            offersWhole = false
            // What does not answer, or wants fewer requests, is left alone for a time as ever.
            return error?.status != nil && error?.wantsFewer == false ? .startOver : .wait
        }
        if isDoubted, case .finish = step {
            isDistrusted = true
            isDoubted = false
            return .startOver
        }
        // A token that has run out when a proxy hands the whole body on does so again, however fresh it was at first.
        let isTooLarge = error?.kind == .tooLarge || error?.isTokenRefused == true
        if isTooLarge, let smaller = Self.chunkSize(below: current(step)) {
            refusedSize = min(refusedSize, current(step))
            chunkSize = smaller
            refusalOfWhole = error
            return .startOver
        }
        if case .send = step, error?.isRefusalOfParts == true, !avoidsParts, chunkSize == nil || chunkSize == size {
            avoidsParts = true
            chunkSize = nil
            return .startOver
        }
        if error?.isDoubtOfBytes == true, !hasChecked {
            hasChecked = true
            return .check
        }
        if error?.isRefusalOfWhole == true, avoidWhole(after: error, step) { return .startOver }
        return .wait
    }

    /// Turns to a part, once, after what there are no more tries for.
    ///
    /// - Returns: whether to start over.
    mutating func turnsToPart(after error: RegistryError?, during step: Step) -> Bool {
        error?.mayBeRefusalOfWhole == true && avoidWhole(after: error, step)
    }

    /// What is to be told of a failure: of one to send parts instead also why the whole was not taken.
    func told(of error: RegistryError, during step: Step) -> RegistryError {
        guard case .send = step, offset == 0, error.isDenial || error.kind == .uploadLost, let refusalOfWhole else {
            return error
        }
        var both = refusalOfWhole
        both.detail = "in parts \(error.reason), as a whole: \(both.detail)"
        return both
    }

    private mutating func avoidWhole(after error: RegistryError?, _ step: Step) -> Bool {
        guard case .finish(_, 0..<size) = step, size > 0, !avoidsWhole, !avoidsParts else { return false }
        avoidsWhole = true
        chunkSize = size
        refusalOfWhole = error
        return true
    }

    /// Whether to ask the registry what it holds of the session.
    func mayResume(after error: RegistryError?) -> Bool {
        let isLost = error?.kind == .uploadLost && error?.status != 416
        return place != nil && !isLost && !avoidsParts && !isDoubted
    }

    /// Goes on where the registry says it is.
    ///
    /// - Returns: whether that is progress.
    mutating func resumes(at held: Int64, place: UploadPlace) -> Bool {
        defer { start = held }
        self.place = place
        offset = held
        return held - start >= Self.progress
    }

    /// Forgets the place: the next step opens another.
    mutating func startOver() {
        place = nil
        offset = 0
        start = 0
    }

    private static func chunkSize(below refused: Int64) -> Int64? { chunkSizes.first { $0 < refused } }

    /// How large the request was, or how large requests are allowed to be already.
    private func current(_ step: Step) -> Int64 {
        switch step {
        case .open: 0
        case .offer(let range), .send(_, let range), .finish(_, let range):
            min(chunkSize ?? size, max(Int64(range.count), 1))
        }
    }
}
