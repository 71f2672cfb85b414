/// Shows on standard error how far a long piece of work is: one live line on a terminal, else a line now and then.
struct WorkProgress: Sendable {
    let style: ProgressStyle
    var clock: any Clock<Duration> = ContinuousClock()
    /// Between two lines where nobody watches on a terminal.
    var interval: Duration = .seconds(10)
    /// Tells how far it is, given the time since the beginning, and the columns where these are few; `nil` while there is
    /// nothing to tell.
    let line: @Sendable (Duration, _ columns: Int?) -> String?

    /// Runs the work and shows its progress meanwhile; nothing of it is left on a terminal afterwards.
    func showing<Result>(_ work: () async throws -> Result) async throws -> Result {
        guard style.form != .nothing else { return try await work() }
        async let _ = show(clock)
        return try await work()
    }

    /// Silent as long as nothing changes, until the task is cancelled.
    private func show(_ clock: some Clock<Duration>) async {
        let isLive = style.form == .live
        let start = clock.now
        var last: String?
        while (try? await clock.sleep(for: isLive ? .milliseconds(200) : interval)) != nil {
            let time = start.duration(to: clock.now)
            if isLive {
                // The last column stays free.
                style.terminal.draw { size in line(time, size.columns - 1).map { [$0] } ?? [] }
            } else if let line = line(time, nil), line != last {
                style.tell(line)
                last = line
            }
        }
        if isLive { style.terminal.clear() }
    }
}
