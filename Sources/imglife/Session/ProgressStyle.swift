import ArgumentParser
import Logging

/// How a command shows its progress on standard error: decided here alone, for all that it shows.
struct ProgressStyle: Sendable {
    /// What `--progress` asks for.
    enum Mode: String, CaseIterable, ExpressibleByArgument, Sendable {
        /// Bars on a terminal, else as `plain`.
        case auto
        /// A line now and then.
        case plain
        case none
    }

    /// What is shown in the end.
    enum Form: Sendable {
        case live
        case plain
        case nothing
    }

    let form: Form
    /// Of plain lines: that of the log lines that they stand between.
    let format: GlobalOptions.LogFormat
    let terminal: Terminal

    /// Chooses the form.
    ///
    /// Among log lines of JSON there is nothing but such lines. A terminal without a name, or with the name `dumb`, is not
    /// trusted to move its cursor. Whoever wants to hear of nothing but troubles gets progress only where he asks for it.
    init(
        _ mode: Mode,
        level: Logger.Level = .info,
        format: GlobalOptions.LogFormat = .text,
        environment: [String: String],
        terminal: Terminal = .standardError
    ) {
        self.format = format
        self.terminal = terminal
        switch mode {
        case .none: form = .nothing
        case .plain: form = .plain
        case .auto where level > .notice: form = .nothing
        case .auto:
            let isCapable = ![nil, "", "dumb"].contains(environment["TERM"])
            form = format == .text && isCapable && terminal.isTerminal ? .live : .plain
        }
    }

    init(_ mode: Mode, of session: Session) {
        self.init(
            mode,
            level: session.logger.logLevel,
            format: session.logFormat,
            environment: session.environment
        )
    }

    /// Writes a plain line.
    func tell(_ line: String) {
        switch format {
        case .text: terminal.write(line + "\n")
        case .json: terminal.write(LogOutput.jsonLine(.info, line, []))
        }
    }
}
