extension String {
    /// Whether something stands in it that another program would replace: `${TAG}`, `$TAG`, `{{ .Values.tag }}`.
    ///
    /// Neither sign can stand in an image.
    var holdsVariable: Bool { contains("$") || contains("{{") }

    /// What is said of such a text.
    static let variableAdvice = "holds a variable, whose value must be written first"
}
