import Logging
import NIOCore
import NIOPosix
import OCI

/// The HTTP face of some content: a read-only OCI registry.
///
/// OCI distribution-spec 1.1.1, the "Pull" and "Content Discovery" categories.
package struct Server: Sendable {
    /// Where it listens, with the ports that the system chose.
    package let address: String
    package let metricsAddress: String?
    /// Which options name the addresses, for whoever has to choose others.
    private static let option = "--listen"
    private static let metricsOption = "--metrics-listen"
    private let access: Access
    private let logger: Logger

    /// Listens for the duration of `body`; then lets answers under way finish, within the limit for it.
    ///
    /// When the task is cancelled all connections are cut at once.
    ///
    /// - Throws: what `body` throws; ``ServerError`` when it cannot listen or use its certificate;
    ///   ``PasswordFileError``.
    package static func with<R>(
        _ configuration: ServerConfiguration,
        _ content: any ServedContent,
        metrics: ServeMetrics = ServeMetrics(),
        status: StatusSource = StatusSource(),
        page: (any FrontPage)? = nil,
        _ body: (Server) async throws -> R
    ) async throws -> R {
        let access = try await Access.read(configuration)
        let (requests, pending) = AsyncStream<PendingRequest>.makeStream()
        let threads = ServeThreads()
        let state = ServerState(limits: configuration.limits, metrics: metrics, pending: pending, threads: threads)
        let store = configuration.directory.map {
            VerifiedFilesStore(directory: $0, isSound: configuration.isDirectorySound, logger: configuration.logger)
        }
        let verified = VerifiedFiles(configuration, metrics, threads, known: store?.load() ?? [:])
        let responder = Responder(configuration, content, verified, access.authenticator, metrics, status, page)
        let result: Result<R, any Error> = await withTaskGroup(of: Void.self) { group in
            group.addTask { await answer(requests, state) }
            if let page { group.addTask { await page.run() } }
            if let store { group.addTask { await store.keep(verified) } }
            let result: Result<R, any Error>
            do {
                result = .success(try await listen(configuration, access, responder, state, body))
            } catch {
                result = .failure(error)
            }
            pending.finish()
            group.cancelAll()
            await group.waitForAll()
            return result
        }
        await access.close()
        await threads.close()
        return try result.get()
    }

    /// Finds out whether a server could begin so, before anything is made for it: its addresses, certificate and passwords.
    ///
    /// - Throws: ``ServerError`` when it cannot listen or use its certificate; ``PasswordFileError``.
    package static func check(_ configuration: ServerConfiguration) async throws {
        await (try Access.read(configuration)).close()
        try await Listener.check(configuration.listen, option)
        if let address = configuration.metricsListen { try await Listener.check(address, metricsOption) }
    }

    /// Reads the password file, and the certificate with its key, again.
    ///
    /// Each is taken by itself; of one that cannot be used it is logged, and what it held stays in force.
    package func reload() async {
        guard let outcomes = try? await access.reload() else { return }
        for (what, outcome) in outcomes {
            switch outcome {
            case .success: logger.notice("\(what) was read again")
            case .failure(let error):
                logger.error("\(what) cannot be taken; what was read before stays", metadata: ["error": "\(error)"])
            }
        }
    }

    private static func answer(
        _ requests: AsyncStream<PendingRequest>,
        _ state: ServerState
    ) async {
        await withDiscardingTaskGroup { group in
            for await request in requests {
                group.addTask { await request.run(state) }
            }
            group.cancelAll()
        }
    }

    private static func listen<R>(
        _ configuration: ServerConfiguration,
        _ access: Access,
        _ responder: Responder,
        _ state: ServerState,
        _ body: (Server) async throws -> R
    ) async throws -> R {
        let listener = Listener(state: state, logger: configuration.logger)
        var channels = [try await listener.bind(configuration.listen, option, access.tls, responder)]
        do {
            if let address = configuration.metricsListen {
                channels.append(try await listener.bind(address, metricsOption, nil, responder.forStatus))
            }
            let addresses = channels.map { $0.localAddress.map(ListenAddress.text) ?? "" }
            let server = Server(
                address: addresses[0],
                metricsAddress: addresses.count > 1 ? addresses[1] : nil,
                access: access,
                logger: configuration.logger
            )
            let result = try await body(server)
            await close(channels, state)
            return result
        } catch {
            await close(channels, state)
            throw error
        }
    }

    private static func close(_ listeners: [any Channel], _ state: ServerState) async {
        for listener in listeners { try? await listener.close().get() }
        let connections = state.drain()
        let (ended, end) = AsyncStream<Never>.makeStream()
        let closings = connections.map(\.closeFuture)
        if let loop = closings.first?.eventLoop {
            EventLoopFuture.andAllComplete(closings, on: loop).whenComplete { _ in end.finish() }
        } else {
            end.finish()
        }
        // A cancelled task waits for nothing.
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in ended {} }
            group.addTask { try? await Task.sleep(for: state.limits.drain) }
            await group.next()
            group.cancelAll()
        }
        for connection in connections { connection.close(promise: nil) }
    }
}
