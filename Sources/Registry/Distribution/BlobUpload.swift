import Logging
import NIOCore
import NIOHTTP1
import OCI
import Synchronization

/// One blob on its way to a registry: does what an ``UploadSession`` says.
struct BlobUpload {
    private static let maximumResumes = 100

    private let blob: any BlobReader
    private let repository: Repository
    private let context: CallContext
    private var session: UploadSession
    private let sent = SentBytes()

    init(blob: any BlobReader, place: UploadPlace?, repository: Repository) {
        self.blob = blob
        self.repository = repository
        context = repository.context(.storeBlob, of: blob.descriptor.digest)
        let size = blob.descriptor.size
        session = UploadSession(
            size: size,
            place: place,
            offersWhole: place == nil && repository.client.wholeUploads.begins(size: size),
            avoidsWhole: repository.client.avoidsWhole.load(ordering: .relaxed),
            refusedSize: repository.client.refusedSize.load(ordering: .relaxed)
        )
    }

    /// - Returns: how many bytes were sent.
    mutating func run() async throws -> Int64 {
        var failures = 0
        while true {
            let step = session.step
            do {
                if try await take(step) { return sent.count }
            } catch let failure as ReaderFailure {
                if case .offer = step { learn(from: failure) }
                leave()
                throw failure.error
            } catch {
                if case .offer = step { learn(from: error) }
                guard !Task.isCancelled else {
                    leave()
                    // Whatever else has failed, it is tried no more for that.
                    throw CancellationError()
                }
                failures += 1
                guard failures <= Self.maximumResumes else {
                    leave()
                    throw error
                }
                if try await recover(from: error, step) { return sent.count }
            }
        }
    }

    /// - Returns: whether the blob is there.
    private mutating func take(_ step: UploadSession.Step) async throws -> Bool {
        switch step {
        case .offer(let range): return try await offer(range)
        case .open:
            var request = repository.abandoning(repository.request(context, .POST, "blobs/uploads/"))
            request.accepted = [200, 201, 202, 204]
            session.opened(try UploadPlace(try await repository.client.attempt(request), context))
        case .send(let place, let range):
            var request = request(.PATCH, .url(place.url), sending: range)
            request.headers.add(name: "Content-Range", value: "\(range.lowerBound)-\(range.upperBound - 1)")
            request.accepted = [200, 201, 202, 204]
            let response = try await perform(request, range)
            let held = response.header("Range").flatMap { UploadRange.count($0) }
            let next = try UploadPlace(response, context, minimumChunk: place.minimumChunk)
            guard session.sent(range, held: held, at: next) else {
                throw context.error(.uploadLost, "the registry holds \(held ?? 0) bytes instead of \(range.upperBound)")
            }
        case .finish(let place, let range):
            let digest = blob.descriptor.digest
            let url = place.url.adding("digest", digest.description)
            var request = request(.PUT, .url(url), sending: range)
            request.accepted = [200, 201, 202, 204]
            let response = try await perform(request, range)
            try response.confirm(digest, repository, context)
            if session.avoidsWhole, range.isEmpty { repository.client.avoidsWhole.store(true, ordering: .relaxed) }
            repository.client.refusedSize.min(session.refusedSize, ordering: .relaxed)
            return true
        }
        return false
    }

    /// Sends all with the request that opens an upload, so that it need not be opened.
    private mutating func offer(_ range: Range<Int64>) async throws -> Bool {
        let digest = blob.descriptor.digest
        let place = "\(repository.location.repository)/blobs/uploads/"
        var request = request(
            .POST,
            .path(place, query: "digest=\(digest.description.percentEncoded)"),
            sending: range
        )
        request.accepted = [201, 202]
        let response = try await perform(repository.abandoning(request), range)
        let isTaken = !UploadPlace.isNeeded(for: digest, after: response)
        if repository.client.wholeUploads.learn(areTaken: isTaken) { tell(areTaken: isTaken, "\(response.status)") }
        if isTaken {
            // What was offered in vain is nothing that was to be sent again.
            sent.add(range.count)
            try response.confirm(digest, repository, context)
        } else {
            let place = try UploadPlace(response, context)
            session.opened(place)
            // Some have it as the first part of the upload that they open.
            if range.count > 1, response.header("Range").flatMap({ UploadRange.count($0) }) == range.upperBound {
                sent.add(range.count)
                _ = session.sent(range, held: range.upperBound, at: place)
            }
        }
        return isTaken
    }

    private func request(
        _ method: HTTPMethod,
        _ target: HTTPRequest.Target,
        sending range: Range<Int64>
    ) -> HTTPRequest {
        var request = repository.request(context, method, to: target)
        request.headers = ["Content-Type": "application/octet-stream"]
        request.body = range.isEmpty ? .bytes(ByteBuffer()) : .blob(blob, range)
        return request
    }

    private mutating func perform(_ request: HTTPRequest, _ range: Range<Int64>) async throws -> HTTPResponse {
        var request = request
        if range.count > 0, range.count <= BlobFeed.pieceSize {
            // Who waits for its source takes no place at the target meanwhile.
            request.body = .bytes(try await BlobFeed(reader: blob, range: range).whole())
        }
        if request.method != .POST { request.onSent = { [sent] in sent.add($0) } }
        do {
            return try await repository.client.attempt(request)
        } catch var error as RegistryError where error.kind == .notFound || error.status == 416 {
            // After a 416 the session may be there, only further or less far than was thought.
            if error.kind != .tooLarge { error.kind = .uploadLost }
            throw error
        }
    }
}

extension BlobUpload {
    /// What the failure of an attempt to do without opening an upload says of others.
    private func learn(from error: any Error) {
        let uploads = repository.client.wholeUploads
        // Nor does what a cancelled one fails with say anything.
        guard !Task.isCancelled, let error = error as? RegistryError, !error.wantsFewer else {
            _ = uploads.learn(areTaken: nil)
            return
        }
        let isNews = error.status == nil ? uploads.broke() : uploads.learn(areTaken: false)
        if isNews { tell(areTaken: false, error.status.map(String.init) ?? "\(error.kind)") }
    }

    private func tell(areTaken: Bool, _ answer: String) {
        repository.client.retry.logger.debug(
            areTaken
                ? "a host takes a small blob in one request" : "a host does not take a small blob in one request",
            metadata: ["place": "\(repository.place)", "answer": "\(answer)"]
        )
    }

    /// Prepares the next try.
    ///
    /// - Returns: whether the registry turns out to hold the blob, so that there is to be no next try.
    /// - Throws: the error, when there is to be no next try either, or what the reader throws.
    private mutating func recover(from error: any Error, _ step: UploadSession.Step) async throws -> Bool {
        let failure = error as? RegistryError
        switch session.failed(failure, during: step) {
        case .startOver: await abort()
        case .check:
            await abort()
            try await blob.check()
        case .wait:
            do {
                // The registry lost patience with a source that pauses: once that has sent all, there is no pause.
                if failure?.isAwaitingSource == true { _ = try await blob.read(at: session.size - 1, atMost: 1) }
                try await context.budget.wait(after: error, context)
            } catch let final {
                // Somebody else may have brought it meanwhile.
                if case .finish = step, failure?.mayMeanPresence == true,
                    (try? await repository.contains(blob.descriptor)) == true
                {
                    leave()
                    return true
                }
                if !Task.isCancelled, session.turnsToPart(after: failure, during: step) {
                    await abort()
                    return false
                }
                let told = (final as? RegistryError).map { session.told(of: $0, during: step) }
                leave()
                throw told ?? final
            }
            return try await resynchronize(failure, step)
        }
        return false
    }

    /// Finds out what the registry holds: part of the session, the blob, or nothing.
    private mutating func resynchronize(_ failure: RegistryError?, _ step: UploadSession.Step) async throws -> Bool {
        var isOpen = false
        if let place = session.place, session.mayResume(after: failure), let (next, held) = await status(of: place) {
            if held > 0, held <= session.size {
                if session.resumes(at: held, place: next) { context.budget.progressed() }
                return false
            }
            isOpen = true
        }
        if case .finish = step, failure?.kind != .digestMismatch,
            (try? await repository.contains(blob.descriptor)) == true
        {
            // Somebody else has brought it; an upload that has stored it is no session any more.
            if isOpen { leave() }
            return true
        }
        await abort()
        return false
    }

    /// How much of a session the registry holds, and where it goes on.
    private func status(of place: UploadPlace) async -> (UploadPlace, Int64)? {
        var request = repository.request(context, .GET, to: .url(place.url))
        request.accepted = [200, 202, 204]
        guard let response = try? await repository.client.attemptInTime(request),
            let held = response.header("Range").flatMap({ UploadRange.count($0) })
        else { return nil }
        let url = UploadPlace.address(in: response) ?? place.url
        return (UploadPlace(url: url, minimumChunk: place.minimumChunk), held)
    }

    /// Gives a session up before another is opened; whether the registry cares is its business.
    private mutating func abort() async {
        guard !Task.isCancelled else { return leave() }
        guard let request = abandonment() else { return }
        do {
            _ = try await repository.client.attemptInTime(request)
        } catch {
            if Task.isCancelled { repository.client.attemptAfterwards(request) }
        }
    }

    /// Gives a session up for good; nobody waits for the registry's answer.
    private mutating func leave() {
        if let request = abandonment() { repository.client.attemptAfterwards(request) }
    }

    /// - Returns: what tells the registry; `nil` where there is no session.
    private mutating func abandonment() -> HTTPRequest? {
        let place = session.place
        session.startOver()
        return place.map { repository.abandonment(of: $0, context) }
    }
}

/// What has gone out of a blob, also in vain; a request that is refused before its body is read sends a part of it at most.
private final class SentBytes: Sendable {
    private let bytes = Atomic<Int64>(0)

    var count: Int64 { bytes.load(ordering: .relaxed) }

    func add(_ count: Int) { bytes.add(Int64(count), ordering: .relaxed) }
}

extension BlobReader {
    /// Reads all bytes again and compares them with the digest.
    ///
    /// - Throws: what the reader throws, as it is; ``DocumentError`` when it gives other bytes.
    @concurrent
    fileprivate func check() async throws {
        var hasher = DigestHasher(descriptor.digest.algorithm)
        var offset: Int64 = 0
        while offset < descriptor.size {
            let piece = try await read(at: offset, atMost: Int(min(1 << 20, descriptor.size - offset)))
            guard piece.readableBytes > 0 else { break }
            hasher.update(piece)
            offset += Int64(piece.readableBytes)
        }
        let digest = hasher.finalize()
        guard digest == descriptor.digest else {
            throw DocumentError(.digestMismatch, "expected \(descriptor.digest), but the bytes are \(digest)")
        }
    }
}
