/// How long another process's standstill is borne that has locked a file: each sign of life, which changes the file's status,
/// begins the time anew.
struct Patience: Sendable {
    /// How often who works on a file sets its times, to show that its process lives.
    static let signInterval = Duration.seconds(1)

    private let limit: Duration
    private var waited = Duration.zero
    private var version: FileStatus.Version?

    init(limit: Duration) { self.limit = limit }

    /// Whether to wait for so long, when the file is as it is now; `nil` for one that is in nobody's hands at the moment.
    mutating func allowsWaiting(at version: FileStatus.Version?, for interval: Duration) -> Bool {
        if let version, version != self.version {
            self.version = version
            waited = .zero
        }
        waited += interval
        return waited <= limit
    }

    /// Gives signs of life for as long as a body runs, also when the task is cancelled.
    ///
    /// - Parameters:
    ///   - pulse: measures the time between them.
    ///   - sign: touches what is locked.
    ///   - body: the work.
    /// - Returns: what the body returns.
    static func givingSigns<R>(
        _ pulse: any Clock<Duration>,
        _ sign: @escaping @Sendable () -> Void,
        _ body: () async throws -> R
    ) async rethrows -> R {
        // What cancels this task does not end the work, so it must not reach them; they are awaited here.
        let signs = Task { while (try? await pulse.sleep(for: signInterval)) != nil { sign() } }
        let endSigns = {
            signs.cancel()
            await signs.value
        }
        do {
            let result = try await body()
            await endSigns()
            return result
        } catch {
            await endSigns()
            throw error
        }
    }
}
