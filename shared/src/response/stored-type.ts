/** The content type of a stored file (contract, section 4). */

/** A single media type: `type "/" subtype *( ";" name "=" value )` (RFC 9110, section 8.3.1). */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const QUOTED = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\[\\t \\x21-\\x7e])*"'
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}(?:[ \\t]*;[ \\t]*(?:${TOKEN}=(?:${TOKEN}|${QUOTED}))?)*$`)

/** The types that browsers display. A stored type of these is trusted. */
const SHOWN = /^(image|video|audio|text)\//

/**
 * Extensions of source code and other plain text that MIME type lists do not know or map to something else.
 */
const TEXT_EXTENSIONS: ReadonlySet<string> = new Set(
  (
    'bash bat bib c cc cfg clj cljs cmake cmd conf cpp cs cts cxx d dart diff dockerfile editorconfig el elm env erl ex ' +
    'exs fish fs fsx gitignore go gradle graphql groovy h hcl hpp hs hxx ini ipynb java jl js jsx kt kts less lisp lock ' +
    'log lua m makefile md mdx mjs ml mli mm mts nim nix patch php pl pm po proto ps1 psm1 py pyi r rb rs rst sass scala ' +
    'scss sh sol sql svelte swift tcl tex tf toml ts tsx v vb vhd vim vue yaml yml zig zsh'
  ).split(' '),
)

/**
 * Returns the content type of a stored file, before `inertContentType`. It is the stored type if that is a
 * single well-formed type that browsers display, else the type of the file name, else the stored type.
 * `named` looks up the extension of the name in a list of MIME types.
 */
export function storedContentType(
  stored: string | undefined,
  fileName: string,
  named: (fileName: string) => string | null,
): string {
  const type = stored === undefined ? undefined : wellFormedType(stored)
  if (type !== undefined && SHOWN.test(type)) return type
  const extension = /\.([^.]+)$/.exec(fileName)?.[1]?.toLowerCase() ?? fileName.toLowerCase()
  if (TEXT_EXTENSIONS.has(extension)) return 'text/plain; charset=utf-8'
  return named(fileName) ?? type ?? 'application/octet-stream'
}

/** Returns a media type in lower case. Undefined for anything else, such as a list of two types. */
export function wellFormedType(text: string): string | undefined {
  const type = text.trim()
  return type.length <= 255 && MEDIA_TYPE.test(type) ? type.toLowerCase() : undefined
}
