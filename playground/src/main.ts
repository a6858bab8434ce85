/** The page: a single state, which is encoded in the address bar, and the rendering of that state. */

import type { Metadata } from '@media-proxy/shared/client/client-answers.ts'
import { isClientFailure } from '@media-proxy/shared/client/client-failure.ts'
import { isClipFormat } from '@media-proxy/shared/formats.ts'
import { PARAMETER_GUIDE } from '@media-proxy/shared/request/parameter-guide.ts'
import { createAccess } from './access.ts'
import { framesOf, locationOf, metadataOf, signUrl } from './api.ts'
import { watchClip } from './clip-progress.ts'
import { createCode } from './code.ts'
import { createControls } from './controls.ts'
import { copy } from './copy.ts'
import { describeCost } from './costs.ts'
import { byId, debounce, h, show } from './dom.ts'
import { watchDrops } from './drop.ts'
import { renderCaptions, renderFacts, renderSaving, renderTimings, type Shown } from './facts.ts'
import { createFiles } from './files.ts'
import { type FocalPoint, parametersOfPoint } from './focal-point.ts'
import { createFocus } from './focus.ts'
import { IMAGES_AND_VIDEOS, load } from './load.ts'
import { renderMetadata } from './metadata-panel.ts'
import { renderSamples } from './samples.ts'
import { renderSheet } from './sheet.ts'
import { createStage } from './stage.ts'
import {
  FIRST_STATE,
  familyOf,
  isExternal,
  parametersOf,
  readHash,
  type State,
  serializeHash,
  urlOf,
} from './state.ts'
import { createTheme } from './theme.ts'
import { createUploading } from './uploading.ts'
import { createVideoControls } from './video-controls.ts'
import { createZoom } from './zoom.ts'

const RENDER_DELAY_MS = 120

let state: State = readHash(location.hash) ?? FIRST_STATE
/** The path of the source, signed if it is external. Undefined until it is known. */
let base: string | undefined
let original: Shown | undefined
let rendition: Shown | undefined
let durationSeconds: number | undefined
let ofRendition = new AbortController()
let ofSource = new AbortController()

const facts = byId('facts', HTMLTableElement)
const sourceInput = byId('source-input', HTMLInputElement)
const metadataPanel = byId('metadata', HTMLDivElement)
const code = createCode()
const stage = createStage(({ seconds, width, height }) => {
  durationSeconds = seconds
  videoControls.setDuration(seconds)
  if (original !== undefined && width > 0) original = { ...original, width, height }
  renderControls()
  renderKnown()
})
const videoControls = createVideoControls({
  onTime: (time) => setParameter('time', time),
  readFrames: () => framesOf(locationOf(state.source, access.session?.buckets.cdn ?? 'cdn')),
})
const controls = createControls(byId('control-list', HTMLDivElement), PARAMETER_GUIDE, setParameter)
const files = createFiles(chooseSource)
const uploading = createUploading({
  onKept({ path }) {
    files.add(path)
    chooseSource(path)
  },
  onRejected: (status, phrase) => stage.reject(status, phrase),
})
const canvas = byId('canvas', HTMLDivElement)
const zoom = createZoom(canvas)
const focus = createFocus(canvas, setFocalPoint)
const renderSoon = debounce(RENDER_DELAY_MS, () => void renderRendition())

createTheme(byId('theme', HTMLButtonElement))
const firstImage = Promise.withResolvers<void>()
renderSamples(byId('samples', HTMLUListElement), firstImage.promise, chooseSource)
const access = createAccess({
  onOpened(session) {
    renderControls()
    uploading.allow(session)
    files.list(session.objects, session.maxObjects)
  },
  onSecret: renderAll,
})
wire()
renderAll()

function setParameter(name: string, value: string | undefined): void {
  const { [name]: _, ...others } = state.parameters
  state = { ...state, parameters: value === undefined ? others : { ...others, [name]: value } }
  history.replaceState(null, '', serializeHash(state))
  renderControls()
  renderUrl()
  renderSoon()
}

/** Sets the parameters that keep a point of the source visible, for the requested size. */
function setFocalPoint(point: FocalPoint): void {
  if (original?.width === undefined || original.height === undefined) return
  const [width, height] = [Number(state.parameters.width), Number(state.parameters.height)]
  const ratio = width > 0 && height > 0 ? width / height : undefined
  const kept = parametersOfPoint(point, { width: original.width, height: original.height, ratio })
  setParameter('gravity', kept.gravity)
  setParameter('crop', kept.crop)
}

function chooseSource(source: string): void {
  const isAudio = /\.(mp3|ogg|opus|wav|flac|m4a|aac)$/i.test(source)
  const { time: _, ...parameters } = state.parameters
  state = { source, parameters: isAudio ? {} : parameters }
  history.pushState(null, '', serializeHash(state))
  renderAll()
}

function renderAll(): void {
  sourceInput.value = state.source
  for (const button of document.querySelectorAll<HTMLElement>('.sample')) {
    button.setAttribute('aria-pressed', String(button.dataset.source === state.source))
  }
  ofSource.abort()
  ofSource = new AbortController()
  original = undefined
  rendition = undefined
  durationSeconds = undefined
  videoControls.reset()
  zoom.reset()
  focus.reset()
  byId('sheet', HTMLDivElement).replaceChildren(
    h('p', { class: 'hint' }, 'The image in every format and named quality, with its size in bytes.'),
  )
  renderControls()
  renderKnown()
  void renderSource(ofSource.signal)
}

async function renderSource(signal: AbortSignal): Promise<void> {
  base = undefined
  const path = isExternal(state.source) ? await signed(state.source, signal) : state.source
  if (signal.aborted || path === undefined) return
  base = path
  renderUrl()
  void renderRendition()
  // The original of an asset is its largest rendition in the
  // format of the source, which is known only from the metadata.
  const described = renderDescription(signal)
  const metadata = familyOf(state.source) === 'asset' ? await described : undefined
  if (!signal.aborted) await renderOriginal(originalUrl(path, metadata), signal)
}

async function signed(url: string, signal: AbortSignal): Promise<string | undefined> {
  const answer = await signUrl(url)
  if (!isClientFailure(answer)) return answer.path
  if (signal.aborted) return undefined
  stage.reject(answer.status, answer.message)
  if (answer.failure === 'unauthorized') access.askForSecret()
  return undefined
}

async function renderRendition(): Promise<void> {
  if (base === undefined) return
  ofRendition.abort()
  ofRendition = new AbortController()
  const { signal } = ofRendition
  stage.busy(true)
  const waiting = new AbortController()
  if (isClipFormat(state.parameters.format ?? '')) watchClip(AbortSignal.any([signal, waiting.signal]))
  try {
    const loaded = await load(urlOf(base, state), signal, IMAGES_AND_VIDEOS)
    waiting.abort()
    if (signal.aborted) return
    const shown = loaded.ok
      ? await stage.showRendition(loaded)
      : { loaded, width: undefined, height: undefined }
    if (signal.aborted) return
    rendition = shown
    if (!loaded.ok) stage.reject(loaded.status, await reasonOf(loaded))
    renderKnown()
    stage.busy(false)
    firstImage.resolve()
  } catch (error) {
    waiting.abort()
    if (signal.aborted) return
    stage.busy(false)
    stage.reject(undefined, error instanceof Error ? error.message : String(error))
    firstImage.resolve()
  }
}

/**
 * Returns the reason of a rejection. When attachments have to
 * be signed, an unsigned one is answered like a missing one.
 */
async function reasonOf({ status, phrase }: { readonly status: number; readonly phrase: string }) {
  await access.opened
  return status === 404 && access.session?.attachmentsSigned && state.source.startsWith('/attachments/')
    ? `${phrase}: Attachments have to be signed here (attachmentSignatures), and this page signs none.`
    : phrase
}

async function renderOriginal(url: string, signal: AbortSignal): Promise<void> {
  try {
    const loaded = await load(url, signal)
    if (signal.aborted) return
    const [kind] = loaded.contentType.split('/')
    const player = loaded.ok && (kind === 'video' || kind === 'audio') ? kind : undefined
    stage.showPlayer(player, url)
    videoControls.setKind(player)
    if (player === 'video' && familyOf(state.source) === 'transformation' && base !== undefined)
      void openSheet(base, signal)
    const shown = await stage.showOriginal(loaded)
    if (signal.aborted) return
    original = shown
    const crops = familyOf(state.source) !== 'file' && player === undefined && original.width !== undefined
    show(byId('focus-toggle', HTMLButtonElement), crops)
    renderControls()
    renderKnown()
  } catch (error) {
    // The failure of the rendition is shown already.
    if (!signal.aborted && !(error instanceof TypeError)) throw error
  }
}

/** Loaded after the rendition itself, because twelve frames take longer than one. */
async function openSheet(path: string, signal: AbortSignal): Promise<void> {
  await firstImage.promise
  try {
    await videoControls.openSheet(path, signal)
  } catch (error) {
    if (!signal.aborted && !(error instanceof TypeError)) throw error
  }
  videoControls.setTime(state.parameters.time, durationSeconds)
}

function originalUrl(path: string, metadata: Metadata | undefined): string {
  if (familyOf(state.source) !== 'asset') return path
  const extension = metadata?.format === 'jpeg' ? 'jpg' : (metadata?.format ?? 'png')
  const own = ['png', 'jpg', 'webp', 'gif', 'avif'].includes(extension) ? extension : 'png'
  return `${path.split('?')[0]?.replace(/\.[a-z]+$/i, '')}.${own}?size=16384`
}

async function renderDescription(signal: AbortSignal): Promise<Metadata | undefined> {
  metadataPanel.replaceChildren(h('p', { class: 'hint' }, 'Looking …'))
  await access.opened
  if (signal.aborted) return undefined
  if (access.session?.trusted !== true) {
    metadataPanel.replaceChildren(h('p', { class: 'hint' }, LOCKED))
    return undefined
  }
  const location = locationOf(state.source, access.session?.buckets.cdn ?? 'cdn')
  const answer = await metadataOf(location)
  if (signal.aborted) return undefined
  renderMetadata(metadataPanel, answer)
  return isClientFailure(answer) ? undefined : answer
}

const LOCKED = 'Only on the service’s own machine, or with the internal secret.'

function renderControls(): void {
  const sides = [original?.width ?? 0, original?.height ?? 0]
  const sidePixels = Math.max(...sides) || undefined
  const shown = parametersOf(familyOf(state.source))
  const presets = access.session?.presets ?? []
  controls.update(shown, state.parameters, { sidePixels, isVideo: videoControls.isVideo, presets })
  videoControls.setTime(state.parameters.time, durationSeconds)
}

function renderKnown(): void {
  renderFacts(facts, original, rendition)
  renderSaving(byId('saving', HTMLParagraphElement), original, rendition)
  renderTimings(byId('timings', HTMLDivElement), rendition)
  renderCaptions(original, rendition)
  byId('cost', HTMLParagraphElement).textContent = rendition?.loaded.ok ? describeCost(rendition.loaded) : ''
}

function renderUrl(): void {
  if (base === undefined) return
  byId('url', HTMLElement).textContent = urlOf(base, state)
  code.update(location.origin + base, state)
}

function wire(): void {
  // A long URL scrolls inside its line, also with the keyboard.
  byId('url', HTMLElement).tabIndex = 0
  byId('source', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    chooseSource(sourceInput.value.trim())
  })
  sourceInput.addEventListener('change', () => {
    const value = sourceInput.value.trim()
    if (value !== state.source && value !== '') chooseSource(value)
  })
  byId('reset', HTMLButtonElement).addEventListener('click', () => {
    state = { ...state, parameters: {} }
    history.replaceState(null, '', serializeHash(state))
    renderControls()
    renderUrl()
    renderSoon()
  })
  byId('sheet-button', HTMLButtonElement).addEventListener('click', () => {
    if (base === undefined) return
    const sheet = byId('sheet', HTMLDivElement)
    renderSheet(sheet, base, state, original?.loaded.bytes, ofSource.signal).catch((error: unknown) => {
      sheet.replaceChildren(h('p', { class: 'hint' }, `The sheet was not finished: ${String(error)}`))
    })
  })
  const copyUrl = byId('copy-url', HTMLButtonElement)
  copyUrl.addEventListener('click', () => {
    if (base !== undefined) void copy(location.origin + urlOf(base, state), copyUrl)
  })
  const copyCode = byId('copy-code', HTMLButtonElement)
  copyCode.addEventListener('click', () => void copy(code.text, copyCode))
  window.addEventListener('popstate', () => {
    state = readHash(location.hash) ?? FIRST_STATE
    renderAll()
  })
  watchDrops(
    byId('drop', HTMLDivElement),
    byId('upload', HTMLInputElement),
    (file) => void uploading.send(file),
  )
}
