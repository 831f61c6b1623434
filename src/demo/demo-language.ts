/**
 * What the demo agent understands: a few sentences in plain English. Pure.
 *
 * A text is read sentence by sentence; quotes, backticks, bullets and code fences are optional, and so is politeness.
 * What is not understood is told, never guessed.
 */
export type DemoCommand =
  | { readonly kind: 'append'; readonly text: string; readonly file: string }
  | { readonly kind: 'create'; readonly text: string; readonly file: string }
  | { readonly kind: 'replace'; readonly from: string; readonly to: string; readonly file: string }
  | { readonly kind: 'delete'; readonly file: string }
  | { readonly kind: 'say'; readonly text: string }
  /** Works on, with a line of output each second. */
  | { readonly kind: 'wait'; readonly seconds: number }
  /** Undefined: for ever. */
  | { readonly kind: 'stay-silent'; readonly seconds: number | undefined }
  | { readonly kind: 'ignore-term' }
  | { readonly kind: 'report'; readonly status: DemoStatus }
  | { readonly kind: 'exit'; readonly code: number };

export type DemoStatus = 'success' | 'partial' | 'failed' | 'blocked';

export interface DemoReading {
  /** In the order of the text. */
  readonly commands: readonly DemoCommand[];
  /** Sentences that mean nothing to this agent, as they were written. */
  readonly notUnderstood: readonly string[];
}

/** For people, in Markdown. */
export const whatTheDemoAgentCanDo = `I am a small program without a model. I understand sentences like these:

- \`append "a line" to notes.txt\`
- \`create notes.txt with "some text"\`
- \`replace "this" with "that" in notes.txt\`
- \`delete notes.txt\`
- \`say "hello"\`, \`wait 10 seconds\`, \`stay silent\`, \`report blocked\`, \`exit with 3\`, \`ignore SIGTERM\``;

/** Reads a text: an issue's or a comment's. */
export function readDemoText(text: string): DemoReading {
  const quotes: Quote[] = [];
  const commands: DemoCommand[] = [];
  const notUnderstood: string[] = [];
  for (const line of statementLines(text, quotes)) {
    const sentences = splitSentences(line, quotes);
    const read = sentences.map((sentence) => readSentence(sentence, quotes));
    const asOne = read.every((command) => command !== undefined)
      ? undefined
      : readSentence(line, quotes);
    if (asOne !== undefined) {
      commands.push(asOne);
      continue;
    }
    read.forEach((command, index) => {
      const sentence = sentences[index] ?? '';
      if (command !== undefined) {
        commands.push(command);
      } else if (!isCourtesy(sentence)) {
        notUnderstood.push(restore(sentence, quotes).trim());
      }
    });
  }
  return { commands, notUnderstood };
}

interface Quote {
  readonly raw: string;
  readonly text: string;
}

/** A quoted text stands as one character sequence that nobody writes: two private-use characters around its index. */
const quoteMark = String.raw`\uE000\d+\uE001`;

const verbs =
  'append|add|create|make|replace|change|delete|remove|say|wait|stay|report|exit|ignore|in';
const fillers =
  /^(?:(?:please|then|and|also|now|finally|next|afterwards|first|could you|can you|would you|you should)\b[,:]?\s*)+/i;
const betweenSentences = new RegExp(
  String.raw`\s*(?:[.;!?,]+\s+|\s+(?=(?:and|then)\s))(?=(?:(?:and|then|also|please|finally|next|afterwards)\b,?\s+)*(?:${verbs})\b)`,
  'i',
);
const sentenceEnd = /(?<=[.!?])\s+(?=\p{Lu})/u;

const file = String.raw`(?:the\s+)?(?:file\s+)?(${quoteMark}|[^\s\uE000\uE001]+?)(?:\s+file)?(?:,?\s+(?:please|thanks|thank you))?[.,;!?]*$`;
/** "the line", or "line" before a quote, which is not part of the text. */
const noun = String.raw`(?:(?:(?:the|a|another|this)\s+)(?:new\s+)?(?:line|text|words?|sentence)\s*:?\s+|(?:line|text|words?|content|contents)\s*:?\s+(?=\uE000))?`;
const newFile = String.raw`(?:(?:an?|the|another)\s+)?(?:new\s+|empty\s+)*(?:file\s+)?(?:called\s+|named\s+)?`;
const seconds = String.raw`(\d{1,6}(?:\.\d+)?)\s*(?:s|secs?|seconds?)?`;

const grammar: readonly {
  readonly pattern: RegExp;
  readonly make: (parts: readonly string[]) => DemoCommand;
}[] = [
  {
    pattern: whole(String.raw`append\s+${noun}(.+)\s+to\s+(?:the\s+end\s+of\s+)?${file}`),
    make: ([text = '', name = '']) => ({ kind: 'append', text, file: name }),
  },
  {
    // "Add tests to the parser" is no line for a file.
    pattern: whole(
      String.raw`add\s+(?=\uE000|(?:an?|the|another)\s+(?:new\s+)?(?:line|text)\b)${noun}(.+)\s+to\s+(?:the\s+end\s+of\s+)?${file}`,
    ),
    make: ([text = '', name = '']) => ({ kind: 'append', text, file: name }),
  },
  {
    pattern: whole(
      String.raw`(?:create\s+${newFile}|(?:make|add)\s+(?=(?:a\s+|the\s+)?(?:new\s+)?file\s)${newFile})(${quoteMark}|[^\s\uE000\uE001]+)\s+(?:with|containing|saying)\s+(?:the\s+(?=text|line|content|word))?${noun}(.+)`,
    ),
    make: ([name = '', text = '']) => ({ kind: 'create', text, file: name }),
  },
  {
    // "Create documentation" names no file.
    pattern: whole(
      String.raw`(?:create|make|add)\s+(?=.*(?:\bfile\b|\uE000|[./]\w))${newFile}${file}`,
    ),
    make: ([name = '']) => ({ kind: 'create', text: '', file: name }),
  },
  {
    pattern: whole(
      String.raw`(?:replace\s+${noun}(.+?)\s+(?:with|by)|change\s+${noun}(.+?)\s+to)\s+${noun}(.+)\s+in\s+${file}`,
    ),
    make: ([replaced = '', changed = '', to = '', name = '']) => ({
      kind: 'replace',
      from: replaced + changed,
      to,
      file: name,
    }),
  },
  {
    pattern: whole(
      String.raw`in\s+(?:the\s+)?(?:file\s+)?(${quoteMark}|[^\s\uE000\uE001]+?),?\s+(?:replace\s+${noun}(.+?)\s+(?:with|by)|change\s+${noun}(.+?)\s+to)\s+${noun}(.+)`,
    ),
    make: ([name = '', replaced = '', changed = '', to = '']) => ({
      kind: 'replace',
      from: replaced + changed,
      to,
      file: name,
    }),
  },
  {
    pattern: whole(String.raw`(?:delete|remove)\s+${file}`),
    make: ([name = '']) => ({ kind: 'delete', file: name }),
  },
  {
    pattern: whole(String.raw`say\s+(.+)`),
    make: ([text = '']) => ({ kind: 'say', text }),
  },
  {
    pattern: whole(String.raw`wait\s+(?:for\s+)?${seconds}[.!]*$`),
    make: ([count = '']) => ({ kind: 'wait', seconds: Number(count) }),
  },
  {
    pattern: whole(
      String.raw`stay\s+(?:silent|quiet)(?:\s+for\s+${seconds})?(?:\s+for\s*ever)?[.!]*$`,
    ),
    make: ([count = '']) => ({
      kind: 'stay-silent',
      seconds: count === '' ? undefined : Number(count),
    }),
  },
  {
    pattern: whole(String.raw`ignore\s+(?:sig)?term[.!]*$`),
    make: () => ({ kind: 'ignore-term' }),
  },
  {
    pattern: whole(String.raw`report\s+(success|partial|failed|blocked)[.!]*$`),
    make: ([status = '']) => ({ kind: 'report', status: status.toLowerCase() as DemoStatus }),
  },
  {
    pattern: whole(
      String.raw`exit\s+(?:with\s+)?(?:code\s+|status\s+)?(\d{1,2}|1\d\d|2[0-4]\d|25[0-5])[.!]*$`,
    ),
    make: ([code = '']) => ({ kind: 'exit', code: Number(code) }),
  },
];

function whole(source: string): RegExp {
  return new RegExp(`^${source}${source.endsWith('$') ? '' : '$'}`, 'is');
}

function readSentence(text: string, quotes: readonly Quote[]): DemoCommand | undefined {
  const plain = text.trim().replace(fillers, '');
  for (const { pattern, make } of grammar) {
    const match = pattern.exec(plain);
    if (match !== null) {
      return make(match.slice(1).map((part) => unquote(part ?? '', quotes)));
    }
  }
  return undefined;
}

/**
 * Splits where another command begins after a comma or "and", and where a sentence ends; within a command only if it is
 * whole by then, since the text to write may have sentences of its own.
 */
function splitSentences(line: string, quotes: readonly Quote[]): string[] {
  return line
    .split(betweenSentences)
    .flatMap((part) => {
      const [first = '', ...rest] = part.split(sentenceEnd);
      return fillersAndVerb.test(part) && readSentence(first, quotes) === undefined
        ? [part]
        : [first, ...rest];
    })
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

const fillersAndVerb = new RegExp(
  String.raw`^\s*(?:(?:and|then|also|please|finally|next|afterwards|first)\b,?\s+)*(?:${verbs})\b`,
  'i',
);

/**
 * The lines that may hold commands, with their quotes put aside. Quoted replies and comments of HTML are nobody's
 * request. A code block below a line that ends with a colon is a quote at its end; any other is read line by line.
 */
function statementLines(text: string, quotes: Quote[]): string[] {
  const lines = text
    .replace(/[\uE000\uE001]/g, '')
    .replace(/\r\n?/g, '\n')
    .replace(/<!--[\s\S]*?(?:-->|$)/g, '')
    .split('\n');
  const statements: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const fence = /^\s*(`{3,}|~{3,})[^`]*$/.exec(lines[i] ?? '')?.[1];
    if (fence === undefined) {
      statements.push(putQuotesAside(withoutBullet(lines[i] ?? ''), quotes));
      continue;
    }
    const end = lines.findIndex((line, at) => at > i && line.trim().startsWith(fence));
    const block = lines.slice(i + 1, end === -1 ? undefined : end);
    i = end === -1 ? lines.length : end;
    const last = statements.findLastIndex((line) => line.trim() !== '');
    if (last !== -1 && statements[last]?.trimEnd().endsWith(':') === true) {
      const content = block.join('\n');
      const mark = putAside({ raw: content, text: content }, quotes);
      statements[last] = `${statements[last].trimEnd().slice(0, -1)} ${mark}`;
    } else {
      statements.push(...block.map((line) => putQuotesAside(withoutBullet(line), quotes)));
    }
  }
  return statements.filter(
    (line) => line.trim() !== '' && !/^\s*(?:>|#{1,6}\s|[-*_=]{3,}\s*$)/.test(line),
  );
}

function withoutBullet(line: string): string {
  return line.replace(/^\s*(?:[-*+]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?/, '');
}

const quotePattern =
  /(`+)(?!`)([\s\S]+?)(?<!`)\1(?!`)|"([^"]*)"|“([^”]*)”|(?<![\p{L}\p{N}])'([^']*)'(?![\p{L}\p{N}])|‘([^’]*)’/gu;

function putQuotesAside(line: string, quotes: Quote[]): string {
  return line.replace(quotePattern, (raw: string, ...groups: (string | undefined)[]) => {
    const text = groups.slice(1, 6).find((group) => group !== undefined) ?? '';
    return putAside({ raw, text }, quotes);
  });
}

function putAside(quote: Quote, quotes: Quote[]): string {
  quotes.push(quote);
  return `\uE000${quotes.length - 1}\uE001`;
}

/** What a quote holds, when the part is one quote; else the part as it was written. */
function unquote(part: string, quotes: readonly Quote[]): string {
  const index = /^\uE000(\d+)\uE001[.,;!]*$/.exec(part.trim())?.[1];
  return index === undefined ? restore(part, quotes).trim() : (quotes[Number(index)]?.text ?? '');
}

function restore(text: string, quotes: readonly Quote[]): string {
  return text.replace(/\uE000(\d+)\uE001/g, (_, index: string) => quotes[Number(index)]?.raw ?? '');
}

function isCourtesy(text: string): boolean {
  return /^(?:hi|hello|hey|dear|thanks|thank you|thx|cheers|regards|kind regards|please)\b[^.]{0,40}[.!,]*$/i.test(
    text.trim(),
  );
}
