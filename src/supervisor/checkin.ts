import { utimesSync, writeFileSync } from 'node:fs';

const touchMs = 1_000;
const trustMs = 3_000;

/**
 * The run's proof of life: the modification time of its `checkin` file, touched at most once a second.
 * A sidecar call always counts; output counts only while the sidecar answers.
 */
export class Checkin {
  readonly #path: string;
  readonly #sidecarAnswers: () => Promise<boolean>;
  #touchedAt = 0;
  #answeredAt = 0;
  #asking = false;

  constructor(path: string, sidecarAnswers: () => Promise<boolean>) {
    this.#path = path;
    this.#sidecarAnswers = sidecarAnswers;
    writeFileSync(path, '', { mode: 0o600 });
  }

  onCall(): void {
    this.#answeredAt = Date.now();
    this.#touch();
  }

  onOutput(): void {
    if (this.#asking || Date.now() - this.#touchedAt < touchMs) return;
    if (Date.now() - this.#answeredAt < trustMs) {
      this.#touch();
      return;
    }
    this.#asking = true;
    void this.#sidecarAnswers().then((answers) => {
      this.#asking = false;
      if (answers) this.onCall();
    });
  }

  #touch(): void {
    const now = Date.now();
    if (now - this.#touchedAt < touchMs) return;
    this.#touchedAt = now;
    utimesSync(this.#path, now / 1000, now / 1000);
  }
}
