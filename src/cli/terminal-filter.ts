/* oxlint-disable no-control-regex -- control characters are what this is about */

/** A whole escape sequence (CSI, a string such as OSC, or a short one), or a single control character. */
const controls =
  /\u001b\[[0-?]*[ -/]*[@-~]|[\u009b][0-?]*[ -/]*[@-~]|\u001b[\]PX^_][^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-~]|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/** The beginning of a sequence that the next piece may complete. */
const unfinished =
  /(?:\u001b(?:\[[0-?]*[ -/]*|[\]PX^_][^\u0007\u001b\u009c]*\u001b?|[ -/]*)?|\u009b[0-?]*[ -/]*)$/;

const colour = /^\u001b\[[\d;:]*m$/;

/** Longer than any sequence that means well. */
const longest = 4096;

/**
 * What an agent prints, made safe for a person's terminal: colours stay; sequences that move the cursor, set the title,
 * write the clipboard or ask the terminal questions are left out.
 */
export class TerminalFilter {
  #held = '';

  /** Gives what can be shown of the text so far; an unfinished sequence is held back for the next piece. */
  pass(piece: string): string {
    const text = this.#held + piece;
    const start = unfinished.exec(text)?.index ?? text.length;
    const cut = text.length - start > longest ? text.length : start;
    this.#held = text.slice(cut);
    return text.slice(0, cut).replace(controls, (found) => (colour.test(found) ? found : ''));
  }
}
